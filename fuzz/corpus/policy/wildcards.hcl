path "secret/+/team/*" { capabilities = ["read"] }
path "+" { capabilities = ["list"] }
path "*" { capabilities = ["deny"] }
