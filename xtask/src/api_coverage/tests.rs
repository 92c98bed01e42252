use super::{BEGIN, END, Options, replace};

#[test]
fn the_table_replaces_what_stands_between_the_markers() {
    let page = format!("# Page\n\n{BEGIN}\nold\n{END}\n\nthe rest\n");
    let replaced = replace(&page, "| new |\n").unwrap();
    assert_eq!(replaced, format!("# Page\n\n{BEGIN}\n| new |\n{END}\n\nthe rest\n"));
    assert_eq!(replace(&replaced, "| new |\n").unwrap(), replaced);
}

#[test]
fn a_page_without_markers_is_refused() {
    for page in [String::new(), BEGIN.to_owned(), END.to_owned(), format!("{END}\n{BEGIN}\n")] {
        assert!(replace(&page, "").is_err(), "{page}");
    }
}

#[test]
fn options_are_read_and_others_refused() {
    let options = Options::parse(&["--write", "--reference", "f"]).unwrap();
    assert!(options.writes && options.reference.is_some_and(|file| file.as_os_str() == "f"));
    assert!(Options::parse(&["--reference"]).is_err());
    assert!(Options::parse(&["--wrote"]).is_err());
}
