path "a/" {
  capabilities = ["list", "scan"]
  comment = "x"
  pagination_limit = 10
  expiration = "2030-01-02T15:04:05Z"
  list_scan_response_keys_filter_path = "{{ .path }}/{{ .key }}"
}
