use super::*;

#[test]
fn addresses_are_read() {
    for (text, shown) in [
        ("ldap://127.0.0.1", "ldap://127.0.0.1:389"),
        ("LDAPS://Directory.example.com", "ldaps://Directory.example.com:636"),
        ("ldap://d.example.com:1389/dc=example?cn", "ldap://d.example.com:1389"),
        (" ldaps://[::1]:7 ", "ldaps://[::1]:7"),
        ("ldap://[2001:db8::1]", "ldap://[2001:db8::1]:389"),
    ] {
        assert_eq!(text.parse::<Url>().map(|url| url.to_string()), Ok(shown.to_owned()), "{text}");
    }
    for (text, error) in [
        ("127.0.0.1", UrlError::Scheme),
        ("http://a", UrlError::Scheme),
        ("ldapi:///var/run/slapd", UrlError::Scheme),
        ("ldap://", UrlError::Host),
        ("ldap:///dc=example", UrlError::Host),
        ("ldap://a b", UrlError::Host),
        ("ldap://user@host", UrlError::Host),
        ("ldap://[::1", UrlError::Host),
        ("ldap://[::1]x", UrlError::Port),
        ("ldap://a:0", UrlError::Port),
        ("ldap://a:65536", UrlError::Port),
        ("ldap://a:", UrlError::Port),
    ] {
        assert_eq!(text.parse::<Url>().map(|url| url.to_string()), Err(error), "{text}");
    }
}
