storage "memory" {}
listener "tcp" { tls_disable = true }
seal "static" {
  current_key_id = "1"
  current_key = "file:///run/key"
  previous_key_id = "0"
  previous_key = "env://KEY"
}
