storage "memory" {}
listener "tcp" {
  tls_disable = "1"
  max_request_size = "1024"
  max_request_duration = "90s"
  max_json_depth = 5
  max_json_string_value_length = 1
  max_json_object_entry_count = 1
  max_json_array_element_count = 1
  max_json_token = 1
}
