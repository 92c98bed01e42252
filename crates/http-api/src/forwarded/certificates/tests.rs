use data_encoding::BASE64;
use http::{HeaderMap, HeaderValue};

use super::read;
use crate::config::CertificateDecoder::{Base64, Pem, Rfc9440, Url};
use crate::config::{CertificateDecoder, ClientCertificateHeader};

const NAME: &str = "x-client-cert";

fn certificates(decoders: &[CertificateDecoder], values: &[String]) -> Result<Vec<Vec<u8>>, ()> {
    let header = ClientCertificateHeader { name: NAME.to_owned(), decoders: decoders.to_vec() };
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(NAME, HeaderValue::from_str(value).unwrap());
    }
    read(&header, &headers).map_err(drop)
}

fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[test]
fn each_proxys_way_of_writing_is_read() {
    let made = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap().cert;
    let (der, pem) = (made.der().to_vec(), made.pem());
    let base64 = BASE64.encode(&der);
    for (decoders, value) in [
        (&[Base64][..], base64.clone()),
        (&[Url, Pem], escape(&pem)),
        (&[Url, Base64], escape(&base64)),
        (&[Base64, Pem], BASE64.encode(pem.as_bytes())),
        (&[Rfc9440], format!(":{base64}:")),
    ] {
        assert_eq!(certificates(decoders, std::slice::from_ref(&value)), Ok(vec![der.clone()]), "{decoders:?}");
        let both = Ok(vec![der.clone(), der.clone()]);
        assert_eq!(certificates(decoders, &[value.clone(), value.clone()]), both);
        assert_eq!(certificates(decoders, &[format!("{value}, {value}")]), both);
    }
    assert_eq!(certificates(&[Base64], &[]), Ok(vec![]));
    assert_eq!(certificates(&[Base64], &[String::new()]), Ok(vec![]));
    for (decoders, value) in [
        (&[][..], base64.clone()),
        (&[Base64], "%%%".to_owned()),
        (&[Base64], "AAAA".to_owned()),
        (&[Url, Pem], escape("no certificate")),
        (&[Url], "%4".to_owned()),
        (&[Url], "%zz".to_owned()),
        (&[Rfc9440], base64.clone()),
        (&[Base64], vec![base64; 17].join(",")),
    ] {
        assert_eq!(certificates(decoders, std::slice::from_ref(&value)), Err(()), "{decoders:?} {value:.20}");
    }
}
