seal "awskms" { region = "eu" }
