storage "memory" {}
listener "tcp" { tls_disable = true }
api_addr = "https://a:8200"
cluster_name = "x"
default_lease_ttl = "768h"
max_lease_ttl = "30d"
log_level = "debug"
log_format = "json"
pid_file = "/p"
ui = true
disable_mlock = true
cluster_addr = "https://a:8201"
