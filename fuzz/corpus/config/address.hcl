storage "memory" {}
listener "tcp" { address = "x:y:z" tls_disable = true }
