storage "memory" {}
listener "tcp" {
  tls_disable = true
  custom_response_headers {
    "default" = { "X-A" = ["b", "c"] }
    "2xx" = { "X-B" = "c" }
    "307" = { "X-C" = [1] }
  }
}
