length = 0x10
rule "charset" {
  charset = "äöü€😀\u00e9"
}
