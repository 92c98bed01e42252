path "secret/a" { capabilities = ["create", "read", "update", "delete", "list"] }
