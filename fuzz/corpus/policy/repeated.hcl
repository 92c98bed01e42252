path "a" { capabilities = ["read"] capabilities = ["deny"] }
path "a" { capabilities = ["list"] }
