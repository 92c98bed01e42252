variable "password" {
  type      = string
  sensitive = true
}

resource "terraform_data" "app" {
  for_each = toset(["blue"])
  input = {
    login = jsonencode({ user = "app", password = var.password })
    plain = [var.password]
  }
}

output "password" {
  value     = terraform_data.app["blue"].output.plain[0]
  sensitive = true
}
