path "secret/data/{{identity.entity.id}}/*" { capabilities = ["read"] }
path "x/{{ identity.groups.names.a.id }}" { policy = "read" }
