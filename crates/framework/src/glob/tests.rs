use super::matches;

#[test]
fn a_star_stands_for_anything_and_the_rest_for_itself() {
    for (pattern, fitting, other) in [
        ("dev", &["dev"][..], &["", "dev1", "ndev", "DEV"][..]),
        ("dev*", &["dev", "dev1", "dev-*"], &["de", "adev"]),
        ("*dev", &["dev", "my-dev", "dev-dev"], &["dev1"]),
        ("a*b*c", &["abc", "a1b2c", "abbcc", "abcbc"], &["acb", "ab", "a1b2c3", "1abc"]),
        ("*", &["", "anything"], &[]),
        ("**", &["", "anything"], &[]),
        ("ab*ba", &["abba", "abxba"], &["aba", "abb"]),
        ("", &[""], &["a"]),
    ] {
        for text in fitting {
            assert!(matches(pattern, text), "{pattern} fits {text}");
        }
        for text in other {
            assert!(!matches(pattern, text), "{pattern} does not fit {text}");
        }
    }
}
