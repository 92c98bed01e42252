use super::*;

const CPUINFO: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2.50GHz
stepping\t: 7\nmicrocode\t: 0x1\ncpu MHz\t\t: 2500.5\ncache size\t: 36608 KB\nphysical id\t: 0\ncore id\t\t: 3\nflags\t\t: fpu aes
\nprocessor\t: 1\nmodel name\t: Some CPU @ 2.50GHz\n\n";

#[test]
fn processors_are_read_block_by_block() {
    let shown = processors(CPUINFO);
    let first = json!({
        "cpu": 0, "vendorId": "GenuineIntel", "family": "6", "model": "85", "stepping": 7, "physicalId": "0",
        "coreId": "3", "cores": 1, "modelName": "Some CPU @ 2.50GHz", "mhz": 2500.5, "cacheSize": 36608,
        "flags": ["fpu", "aes"], "microcode": "0x1",
    });
    assert_eq!(shown[0], first);
    assert_eq!(
        (&shown[1]["cpu"], &shown[1]["mhz"], shown.as_array().map(Vec::len)),
        (&json!(1), &Value::Null, Some(2))
    );
    assert_eq!(processors(""), json!([]));
}

#[test]
fn what_a_process_takes_is_read_whatever_its_name_is() {
    let stat = "42 (a) R 1) S 1 42 42 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 7 0 1200 4096000 25 18446744073709551615 1";
    let expected = Usage {
        processor: Duration::from_secs(3),
        started_secs: 1_700_000_012.0,
        resident_bytes: 25 * 4096,
        virtual_bytes: 4_096_000,
        threads: 7,
        ..Usage::default()
    };
    assert_eq!(usage(stat, 100, 4096, 1_700_000_000), expected);
    assert_eq!(usage("", 100, 4096, 0), Usage::default());
    let own = Linux.usage();
    assert!(own.resident_bytes > 0 && own.threads > 0 && own.open_files > 2 && own.open_files_max > 2, "{own:?}");
}

#[test]
fn times_are_seconds_of_each_processor_and_not_of_all_together() {
    let stat = "cpu  300 0 0 0 0 0 0 0 0 0\ncpu0 150 1 2 3 4 5 6 7 8 9\ncpu1 200 0\nintr 1\nbtime 1700000000\n";
    let shown = processor_times(stat, 100);
    assert_eq!(shown.as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&shown[0]["cpu"], &shown[0]["user"], &shown[0]["guestNice"]),
        (&json!("cpu0"), &json!(1.5), &json!(0.09))
    );
    assert_eq!(number(named(stat, ' ', "btime")), 1_700_000_000);
}

#[test]
fn memory_is_in_bytes_and_what_is_used_is_neither_free_nor_a_cache() {
    let text =
        "MemTotal:  1000 kB\nMemFree: 200 kB\nBuffers: 100 kB\nCached: 200 kB\nSwapTotal: 0 kB\nActive(anon): 5 kB\n";
    let shown = memory(text);
    let expected = (&json!(1_024_000), &json!(512_000), &json!(50.0), &json!(0));
    assert_eq!((&shown["total"], &shown["used"], &shown["usedPercent"], &shown["active"]), expected);
    assert_eq!(memory("")["usedPercent"], json!(0.0));
}

#[test]
fn of_the_mounts_only_devices_are_looked_at_and_each_once() {
    let mounts = "proc /proc proc rw 0 0\nserver:/share / nfs rw 0 0\n/dev/a / ext4 rw 0 0\n/dev/a / ext4 rw 0 0\n";
    let shown = disks(mounts);
    assert_eq!(shown.as_array().map(Vec::len), Some(1));
    assert_eq!((&shown[0]["path"], &shown[0]["fstype"]), (&json!("/"), &json!("ext4")));
    assert!(shown[0]["total"].as_u64() > Some(0), "{shown}");
    assert_eq!(disks("/dev/b /no/such/place ext4 rw 0 0\n"), json!([]), "what does not answer is left out");
    assert_eq!(
        (unescape("/a\\040b"), unescape("/a\\9"), unescape("/plain")),
        ("/a b".into(), "/a9".into(), "/plain".into())
    );
}

#[test]
fn the_machine_that_runs_this_test_has_processors_memory_and_a_system() {
    let shown = Linux.describe();
    assert!(shown["cpu"].as_array().is_some_and(|it| !it.is_empty()));
    assert!(shown["cpu_times"].as_array().is_some_and(|it| !it.is_empty()));
    assert!(shown["memory"]["total"].as_u64() > shown["memory"]["free"].as_u64());
    assert_eq!((&shown["host"]["os"], shown["host"]["hostname"] == json!(Linux.name())), (&json!("linux"), true));
}
