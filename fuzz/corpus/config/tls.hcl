storage "inmem" {}
listener "tcp" {
  address = "[::]:8200"
  tls_cert_file = "c.pem"
  tls_key_file = "k.pem"
  tls_min_version = "tls12"
  tls_client_ca_file = "ca.pem"
  tls_require_and_verify_client_cert = true
}
