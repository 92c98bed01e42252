use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints, RevokedCertParams, SerialNumber,
    SigningKey as _, date_time_ymd,
};

use crate::certificate::Purpose;
use crate::chain::CHAIN_LENGTH_MAX;
use crate::ocsp::{Refused, Status};
use crate::{Certificate, Chains, Malformed, RevocationList, Serial, Untrusted, ocsp, pem};

const AUTHORITY: &str = include_str!("../vectors/authority.pem");
const CLIENT: &str = include_str!("../vectors/client.pem");
const VERSION_1: &str = include_str!("../vectors/version-1.pem");
/// A day after the vectors were made.
const NOW: i64 = 1_795_465_264 + 86_400;

fn der(text: &str) -> Vec<u8> {
    pem::certificates(text.as_bytes()).unwrap().remove(0)
}

#[test]
fn a_certificate_tells_what_is_in_it() {
    let bytes = der(CLIENT);
    let client = Certificate::parse(&bytes).unwrap();
    assert_eq!((client.version(), client.is_authority()), (3, false));
    assert_eq!(client.serial().to_string(), "85968058272638546416180");
    assert_eq!(client.subject().common_name(), "app");
    assert_eq!(client.subject().organizational_units(), ["One", "Two"]);
    assert_eq!(client.issuer().common_name(), "Example Authority");
    let names = client.alternative_names();
    assert_eq!((&names.dns, &names.email), (&vec!["app.example.com"], &vec!["app@example.com"]));
    assert_eq!((&names.uri, &names.ip), (&vec!["spiffe://example.com/app"], &vec![&[10, 1, 2, 3][..]]));
    assert_eq!(client.responders(), ["http://127.0.0.1:1/ocsp"]);
    assert_eq!((client.subject_key_id().len(), client.authority_key_id().len()), (20, 20));
    assert!(client.is_for(Purpose::ClientAuth) && !client.is_for(Purpose::OcspSigning));
    let own: Vec<_> =
        client.extensions().iter().filter(|it| it.oid().is_some_and(|oid| oid.starts_with("1.2."))).collect();
    assert_eq!(own.iter().map(|it| it.oid().unwrap()).collect::<Vec<_>>(), ["1.2.3.4.5", "1.2.3.4.6"]);
    assert_eq!((own[0].text().as_deref(), own[1].text()), (Some("blue"), None));
    assert_eq!(pem::write_certificate(&bytes), CLIENT);
    let bytes = der(VERSION_1);
    let old = Certificate::parse(&bytes).unwrap();
    assert_eq!((old.version(), old.extensions().len(), old.serial().to_string()), (1, 0, "9".to_owned()));
}

#[test]
fn serial_numbers_are_told_in_decimal() {
    for (bytes, text) in [
        (&[0][..], "0"),
        (&[0x7f], "127"),
        (&[0, 0xff], "255"),
        (&[0xff], "-1"),
        (&[0x80, 0], "-32768"),
        (&[1, 0, 0, 0, 0, 0, 0, 0, 0], "18446744073709551616"),
        (&[], "0"),
    ] {
        assert_eq!(Serial::of(bytes).to_string(), text);
    }
}

#[test]
fn a_certificate_that_is_cut_or_padded_is_refused() {
    let bytes = der(CLIENT);
    for length in 0..bytes.len() {
        assert!(Certificate::parse(&bytes[..length]).is_err(), "{length}");
    }
    assert_eq!(Certificate::parse(&[&bytes[..], &[0]].concat()).unwrap_err(), Malformed);
}

/// What is made for a test: a certificate with its key.
struct Made {
    der: Vec<u8>,
    params: CertificateParams,
    key: KeyPair,
}

fn params(name: &str, is_authority: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2028, 1, 1));
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    } else {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    }
    params
}

impl Made {
    fn own(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, params, key }
    }

    fn by(authority: &Self, params: CertificateParams) -> Self {
        Self::by_key(authority, params, KeyPair::generate().unwrap())
    }

    fn by_key(authority: &Self, params: CertificateParams, key: KeyPair) -> Self {
        let issuer = Issuer::from_params(&authority.params, &authority.key);
        let der = params.signed_by(&key, &issuer).unwrap().der().to_vec();
        Self { der, params, key }
    }
}

/// The lengths of the chains from the first certificate over the others to what is trusted.
fn chains(first: &[u8], others: &[&[u8]], trusted: &[&[u8]]) -> Result<Vec<usize>, Untrusted> {
    let read = |bytes: &[&'static [u8]]| -> Vec<Certificate<'static>> {
        bytes.iter().map(|it| Certificate::parse(it).unwrap()).collect()
    };
    let leak = |bytes: &[&[u8]]| -> Vec<&'static [u8]> { bytes.iter().map(|it| &*it.to_vec().leak()).collect() };
    let (first, others, trusted) = (read(&leak(&[first])), read(&leak(others)), read(&leak(trusted)));
    let mut chains = Chains::new(&first[0], &others, NOW, Purpose::ClientAuth);
    Ok(chains.to(&trusted)?.iter().map(Vec::len).collect())
}

#[test]
fn chains_lead_over_what_the_client_sends_along() {
    let root = Made::own(params("root", true));
    let below = Made::by(&root, params("below", true));
    let client = Made::by(&below, params("client", false));
    assert_eq!(chains(&client.der, &[&below.der], &[&root.der]), Ok(vec![2]));
    assert_eq!(chains(&client.der, &[], &[&root.der]), Ok(vec![]), "a link is missing");
    assert_eq!(chains(&client.der, &[], &[&below.der]), Ok(vec![1]), "an authority in the middle can be trusted");
    assert_eq!(chains(&client.der, &[&below.der, &root.der], &[&root.der, &below.der]), Ok(vec![1]));
    assert_eq!(chains(&root.der, &[], &[&root.der]), Ok(vec![0]), "an authority may be a client");
    assert_eq!(chains(&client.der, &[&below.der], &[]), Ok(vec![]));
    let stranger = Made::own(params("root", true));
    assert_eq!(chains(&client.der, &[&below.der], &[&stranger.der]), Ok(vec![]), "the same name is not the same key");
    let own = Made::own(params("client", false));
    assert_eq!(chains(&own.der, &[], &[&client.der]), Ok(vec![]), "a client's certificate signs nothing");
    let by_client = Made::by(&client, params("below client", false));
    assert_eq!(chains(&by_client.der, &[&client.der, &below.der], &[&root.der]), Ok(vec![]), "nor in the middle");
    assert_eq!(chains(&by_client.der, &[], &[&client.der]), Ok(vec![]), "nor when it is trusted");
}

#[test]
fn version_1_is_taken_for_a_client() {
    let (old, authority, client) = (der(VERSION_1), der(AUTHORITY), der(CLIENT));
    assert_eq!(chains(&old, &[], &[&authority]), Ok(vec![1]));
    assert_eq!(chains(&client, &[], &[&authority]), Ok(vec![1]));
    assert_eq!(chains(&client, &[], &[&old]), Ok(vec![]));
}

#[test]
fn each_link_is_judged() {
    let root = Made::own(params("root", true));
    let refused = |change: &dyn Fn(&mut CertificateParams), is_authority: bool| {
        let mut changed = params(if is_authority { "below" } else { "client" }, is_authority);
        if !is_authority {
            changed.subject_alt_names = vec![rcgen::SanType::DnsName("a.example.com".try_into().unwrap())];
        }
        change(&mut changed);
        if !is_authority {
            return chains(&Made::by(&root, changed).der, &[], &[&root.der]);
        }
        let below = Made::by(&root, changed);
        let mut client = params("client", false);
        client.subject_alt_names = vec![rcgen::SanType::DnsName("a.example.com".try_into().unwrap())];
        chains(&Made::by(&below, client).der, &[&below.der], &[&root.der])
    };
    for is_authority in [false, true] {
        let length = 1 + usize::from(is_authority);
        assert_eq!(refused(&|_| {}, is_authority), Ok(vec![length]));
        assert_eq!(refused(&|it| it.not_after = date_time_ymd(2026, 2, 1), is_authority), Err(Untrusted::Expired));
        assert_eq!(refused(&|it| it.not_before = date_time_ymd(2027, 2, 1), is_authority), Err(Untrusted::Expired));
        let server = |it: &mut CertificateParams| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        assert_eq!(refused(&server, is_authority), Err(Untrusted::Purpose));
        let any = |it: &mut CertificateParams| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
        assert_eq!(refused(&any, is_authority), Ok(vec![length]));
        let unknown = |is_critical| {
            move |it: &mut CertificateParams| {
                let mut own = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
                own.set_criticality(is_critical);
                it.custom_extensions = vec![own];
            }
        };
        assert_eq!(refused(&unknown(true), is_authority), Err(Untrusted::UnknownCritical));
        assert_eq!(refused(&unknown(false), is_authority), Ok(vec![length]));
    }
    let constrained = |permitted: &'static str, excluded: Option<&'static str>| {
        move |it: &mut CertificateParams| {
            let dns = |name: &str| GeneralSubtree::DnsName(name.to_owned());
            let excluded_subtrees = excluded.into_iter().map(dns).collect();
            it.name_constraints = Some(NameConstraints { permitted_subtrees: vec![dns(permitted)], excluded_subtrees });
        }
    };
    assert_eq!(refused(&constrained("example.com", None), true), Ok(vec![2]));
    assert_eq!(refused(&constrained("example.org", None), true), Err(Untrusted::NameConstraint));
    assert_eq!(refused(&constrained("com", Some("a.example.com")), true), Err(Untrusted::NameConstraint));
    assert_eq!(refused(&|it| it.key_usages = vec![KeyUsagePurpose::CrlSign], true), Ok(vec![]));
    assert_eq!(refused(&|it| it.key_usages = vec![], true), Ok(vec![2]));
    assert_eq!(refused(&|it| it.is_ca = IsCa::ExplicitNoCa, true), Ok(vec![]));
}

#[test]
fn a_path_is_no_longer_than_its_authorities_allow() {
    let constrained = |length| {
        let mut params = params("root", true);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(length));
        Made::own(params)
    };
    for (length, expected) in [(0, Err(Untrusted::TooLong)), (1, Ok(vec![2]))] {
        let root = constrained(length);
        let below = Made::by(&root, params("below", true));
        let client = Made::by(&below, params("client", false));
        assert_eq!(chains(&client.der, &[&below.der], &[&root.der]), expected);
        assert_eq!(chains(&below.der, &[], &[&root.der]), Ok(vec![1]));
    }
}

#[test]
fn what_a_client_sends_along_costs_no_more_than_is_allowed() {
    // Many authorities of one name and key: each could have signed each.
    let mut shared = params("loop", true);
    shared.key_identifier_method = KeyIdMethod::PreSpecified(vec![1]);
    let first = Made::own(shared.clone());
    let again = |number: u64| {
        let mut params = shared.clone();
        params.serial_number = Some(SerialNumber::from(number));
        Made::by_key(&first, params, KeyPair::try_from(first.key.serialize_der()).unwrap()).der
    };
    let many: Vec<_> = (10..30).map(again).collect();
    let others: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    let mut leaf = params("client", false);
    leaf.key_identifier_method = KeyIdMethod::PreSpecified(vec![2]);
    let client = Made::by(&first, leaf);
    let root = Made::own(params("root", true));
    let outcome = chains(&client.der, &others, &[&root.der]);
    assert!(matches!(outcome, Ok(ref none) if none.is_empty()) || outcome == Err(Untrusted::TooMuch), "{outcome:?}");
    // A chain of different ones, longer than is looked at.
    let mut line = vec![Made::own(params("0", true))];
    for number in 1..=CHAIN_LENGTH_MAX {
        line.push(Made::by(&line[number - 1], params(&number.to_string(), true)));
    }
    let client = Made::by(&line[CHAIN_LENGTH_MAX], params("client", false));
    let others: Vec<&[u8]> = line.iter().skip(1).map(|it| it.der.as_slice()).collect();
    assert_eq!(chains(&client.der, &others, &[&line[0].der]), Ok(vec![]));
    assert_eq!(chains(&client.der, &others, &[&line[5].der]).map(|found| found.len()), Ok(1));
}

#[test]
fn a_revocation_list_names_serial_numbers() {
    let root = Made::own(params("root", true));
    let list = |serials: &[u64]| {
        let revoked = |number: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: date_time_ymd(2026, 5, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 5, 1),
            next_update: date_time_ymd(2026, 6, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&Issuer::from_params(&root.params, &root.key)).unwrap()
    };
    let made = list(&[5, 300]);
    let bytes = pem::revocation_list(made.pem().unwrap().as_bytes()).unwrap();
    assert_eq!(bytes, made.der().as_ref());
    let read = RevocationList::parse(&bytes).unwrap();
    assert_eq!(read.next_update, Some(1_780_272_000));
    let serials: Vec<_> = read.serials().map(|serial| serial.unwrap().to_string()).collect();
    assert_eq!(serials, ["5", "300"]);
    assert_eq!(RevocationList::parse(list(&[]).der()).unwrap().serials().count(), 0);
    let own = Certificate::parse(&root.der).unwrap();
    let impostor = Made::own(params("root", true));
    let other = Certificate::parse(&impostor.der).unwrap();
    assert_eq!((read.issuer, read.this_update), (own.subject(), 1_777_593_600));
    assert!(read.is_signed_by(own.key()) && !read.is_signed_by(other.key()));
    assert!(RevocationList::parse(&root.der).is_err());
    assert_eq!(pem::revocation_list(AUTHORITY.as_bytes()), None);
}

#[test]
fn a_responder_is_asked_as_openssl_asks_and_believed_when_it_may_answer() {
    let (client, authority, old) = (der(CLIENT), der(AUTHORITY), der(VERSION_1));
    let [client, authority, old] = [&client, &authority, &old].map(|bytes| Certificate::parse(bytes).unwrap());
    assert_eq!(ocsp::question(&client, &authority), include_bytes!("../vectors/question.der"));
    let good = include_bytes!("../vectors/answer-good.der");
    let judge = |answer: &[u8], now| ocsp::verdict(answer, &client, &authority, now).map(|verdict| verdict.status);
    assert_eq!(judge(good, NOW), Ok(Status::Good));
    assert_eq!(judge(include_bytes!("../vectors/answer-authority.der"), NOW), Ok(Status::Good));
    assert_eq!(judge(include_bytes!("../vectors/answer-revoked.der"), NOW), Ok(Status::Revoked));
    assert_eq!(judge(include_bytes!("../vectors/answer-unknown.der"), NOW), Ok(Status::Unknown));
    assert_eq!(judge(include_bytes!("../vectors/answer-stranger.der"), NOW), Err(Refused::Signature));
    assert_eq!(judge(good, 1_795_000_000), Err(Refused::Signature), "the responder's certificate is not valid yet");
    assert_eq!(judge(include_bytes!("../vectors/answer-authority.der"), 1_795_000_000), Err(Refused::Time));
    assert_eq!(judge(&[0x30, 3, 0x0a, 1, 3], NOW), Err(Refused::Responder(3)));
    assert_eq!(judge(b"", NOW), Err(Refused::Malformed(Malformed)));
    assert_eq!(ocsp::verdict(good, &old, &authority, NOW), Err(Refused::Other));
    let mut forged = good.to_vec();
    let last = forged.len() / 3;
    forged[last] ^= 1;
    assert!(judge(&forged, NOW).is_err());
}

/// The answer that a certificate is good, as this key signs it: from one time on, and perhaps until another.
fn answer(question: &[u8], signer: &KeyPair, responder: &[u8], (from, until): (&str, Option<&str>)) -> Vec<u8> {
    use crate::der::{BIT_STRING, ENUMERATED, GENERALIZED_TIME, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};
    use crate::der::{constructed, primitive, write};
    let mut request = Reader::new(question);
    for _ in 0..4 {
        request = request.inside(SEQUENCE).unwrap();
    }
    let id = request.element(SEQUENCE).unwrap().whole;
    let time = |text: &str| write(GENERALIZED_TIME, &[text.as_bytes()]);
    let until = until.map(|text| write(constructed(0), &[&time(text)])).unwrap_or_default();
    let single = write(SEQUENCE, &[id, &write(primitive(0), &[]), &time(from), &until]);
    let by = write(constructed(2), &[&write(OCTET_STRING, &[&[0; 20]])]);
    let data = write(SEQUENCE, &[&by, &time(from), &write(SEQUENCE, &[&single])]);
    let algorithm = write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]])]);
    let signature = write(BIT_STRING, &[&[0], &signer.sign(&data).unwrap()]);
    let responders = write(constructed(0), &[&write(SEQUENCE, &[responder])]);
    let basic = write(SEQUENCE, &[&data, &algorithm, &signature, &responders]);
    let kind = write(OBJECT_IDENTIFIER, &[&[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1]]);
    let bytes = write(SEQUENCE, &[&kind, &write(OCTET_STRING, &[&basic])]);
    write(SEQUENCE, &[&write(ENUMERATED, &[&[0]]), &write(constructed(0), &[&bytes])])
}

#[test]
fn only_a_responders_certificate_signs_answers_and_none_counts_for_ever() {
    let root = Made::own(params("root", true));
    let client = Made::by(&root, params("client", false));
    let read = |made: &Made| Certificate::parse(made.der.clone().leak()).unwrap();
    let (of_client, of_root) = (read(&client), read(&root));
    let question = ocsp::question(&of_client, &of_root);
    let judge = |responder: &Made, times, now| {
        let answer = answer(&question, &responder.key, &responder.der, times);
        ocsp::verdict(&answer, &of_client, &of_root, now).map(|verdict| verdict.status)
    };
    let with = |purposes: &[ExtendedKeyUsagePurpose], usages: &[KeyUsagePurpose]| {
        let mut params = params("responder", false);
        params.extended_key_usages = purposes.to_vec();
        params.key_usages = usages.to_vec();
        Made::by(&root, params)
    };
    // 2027-01-15 08:00:00.
    let now = 1_800_000_000;
    let days = |count: i64| now + count * 86_400;
    let times = ("20270115080000Z", None);
    let signing = KeyUsagePurpose::DigitalSignature;
    let responder = with(&[ExtendedKeyUsagePurpose::OcspSigning], std::slice::from_ref(&signing));
    for (signer, expected) in [
        (&responder, Ok(Status::Good)),
        (&with(&[ExtendedKeyUsagePurpose::OcspSigning], &[]), Ok(Status::Good)),
        (&root, Ok(Status::Good)),
        (&with(&[ExtendedKeyUsagePurpose::Any], &[signing]), Err(Refused::Signature)),
        (&with(&[], &[]), Err(Refused::Signature)),
        (&with(&[ExtendedKeyUsagePurpose::OcspSigning], &[KeyUsagePurpose::KeyEncipherment]), Err(Refused::Signature)),
        (&client, Err(Refused::Signature)),
    ] {
        assert_eq!(judge(signer, times, now), expected);
    }
    assert_eq!(judge(&responder, times, days(6)), Ok(Status::Good));
    assert_eq!(judge(&responder, times, days(8)), Err(Refused::Time), "a week, where nothing is said");
    assert_eq!(judge(&responder, ("20270115080000Z", Some("20270315080000Z")), days(50)), Ok(Status::Good));
    assert_eq!(judge(&responder, ("20270115080000Z", Some("20270114080000Z")), now), Err(Refused::Time));
}

proptest! {
    #[test]
    fn nothing_that_a_stranger_writes_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        Certificate::parse(&bytes).ok();
        RevocationList::parse(&bytes).map(|list| list.serials().count()).ok();
        let client = der(CLIENT);
        let authority = der(AUTHORITY);
        let [client, authority] = [&client, &authority].map(|bytes| Certificate::parse(bytes).unwrap());
        prop_assert!(ocsp::verdict(&bytes, &client, &authority, NOW).is_err());
    }

    #[test]
    fn a_changed_certificate_is_refused_or_not_signed(place in 0..1_000_usize, flip in 1..=255_u8) {
        let (mut bytes, authority) = (der(CLIENT), der(AUTHORITY));
        let place = place % bytes.len();
        bytes[place] ^= flip;
        let authority = Certificate::parse(&authority).unwrap();
        if let Ok(changed) = Certificate::parse(&bytes) {
            let _ = (changed.subject().common_name(), changed.serial().to_string());
            prop_assert!(!changed.is_signed_by(authority.key()) || place >= bytes.len() - 80);
        }
    }
}
