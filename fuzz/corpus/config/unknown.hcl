storag "memory" {}
