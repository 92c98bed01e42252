storage "memory" {}
listener "tcp" { tls_disable = true }
