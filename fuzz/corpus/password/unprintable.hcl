length = 12
rule "charset" { charset = "a\tb" }
