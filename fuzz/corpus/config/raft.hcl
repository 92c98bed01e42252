storage "raft" {
  path = "/a"
  node_id = "n1"
  retry_join { leader_api_addr = "https://b:8200" }
}
listener "tcp" { tls_disable = true }
