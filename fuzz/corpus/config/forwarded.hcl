storage "memory" {}
listener "tcp" {
  tls_disable = true
  x_forwarded_for_authorized_addrs = ["10.0.0.0/8", "::1"]
  x_forwarded_for_hop_skips = 2
}
