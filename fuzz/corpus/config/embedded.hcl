storage "embedded" {
  path = "/var/lib/strongroom"
  cache_size_bytes = 67108864
}
listener "tcp" { tls_disable = true }
