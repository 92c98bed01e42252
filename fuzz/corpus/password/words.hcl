length = 12
rule "words" {
  words = 4
}
