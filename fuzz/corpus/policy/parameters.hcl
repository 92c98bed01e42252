path "a/*" {
  capabilities = ["update"]
  allowed_parameters = { "foo" = ["a*", 1, true], "*" = [] }
  denied_parameters { "bar" = [] }
  required_parameters = ["foo"]
}
