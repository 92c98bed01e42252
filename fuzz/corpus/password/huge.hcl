length = 18446744073709551616
rule "charset" { charset = "a" min-chars = 18446744073709551615 }
