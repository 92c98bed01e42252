length = 5
rule "charset" {
  charset = "abc"
  min-chars = 6
}
