length "a" { }
rule "charset" "b" {
  charset = "abc"
}
