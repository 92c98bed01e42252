path "a" { capabilitys = ["read"] }
name = "x"
