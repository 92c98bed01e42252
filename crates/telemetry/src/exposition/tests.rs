use super::*;
use crate::Summary;

fn page(host: &str) -> Page {
    Page::new(Settings { prefix: "vault".to_owned(), host: host.to_owned() })
}

#[test]
fn the_text_is_what_prometheus_reads() {
    let mut page = page("");
    let summary = Summary::new();
    summary.record(Duration::from_micros(1920));
    page.summary("route.read.team/kv-v2-", "Time in an engine.", &[], summary.read(Duration::ZERO));
    page.summary("route.read.idle-", "Time in an engine.", &[], Summary::new().read(Duration::ZERO));
    page.gauge("core.unsealed", "Whether it is unsealed.", &[("cluster", "a \"b\"\\\n")], 1.0);
    page.counter("cache.hit", "Two\nlines.", &[], 7);
    page.plain("process_cpu_seconds_total", "Processor time.", true, 1.5);
    let expected = "\
# HELP process_cpu_seconds_total Processor time.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 1.5
# HELP vault_cache_hit Two\\nlines.
# TYPE vault_cache_hit counter
vault_cache_hit 7
# HELP vault_core_unsealed Whether it is unsealed.
# TYPE vault_core_unsealed gauge
vault_core_unsealed{cluster=\"a \\\"b\\\"\\\\\\n\"} 1
# HELP vault_route_read_idle_ Time in an engine.
# TYPE vault_route_read_idle_ summary
vault_route_read_idle_{quantile=\"0.5\"} NaN
vault_route_read_idle_{quantile=\"0.9\"} NaN
vault_route_read_idle_{quantile=\"0.99\"} NaN
vault_route_read_idle__sum 0
vault_route_read_idle__count 0
# HELP vault_route_read_team_kv_v2_ Time in an engine.
# TYPE vault_route_read_team_kv_v2_ summary
vault_route_read_team_kv_v2_{quantile=\"0.5\"} 1.900544
vault_route_read_team_kv_v2_{quantile=\"0.9\"} 1.900544
vault_route_read_team_kv_v2_{quantile=\"0.99\"} 1.900544
vault_route_read_team_kv_v2__sum 1.92
vault_route_read_team_kv_v2__count 1
";
    assert_eq!(page.prometheus(), expected);
}

#[test]
fn the_json_is_as_vault_writes_it() {
    let mut page = page("host-1");
    page.gauge("core.unsealed", "", &[("cluster", "c")], 1.0);
    page.counter("cache.hit", "", &[], 6);
    let summary = Summary::new();
    summary.record(Duration::from_micros(1920));
    page.summary("core.handle_request", "", &[], summary.read(Duration::ZERO));
    let expected = json!({
        "Timestamp": "now",
        "Gauges": [{ "Name": "vault.host-1.core.unsealed", "Value": 1.0, "Labels": { "cluster": "c" } }],
        "Points": [],
        "Counters": [{
            "Name": "vault.cache.hit", "Count": 1, "Rate": 2.0, "Sum": 6.0, "Min": 6.0, "Max": 6.0, "Mean": 6.0,
            "Stddev": 0.0, "Labels": {},
        }],
        "Samples": [{
            "Name": "vault.core.handle_request", "Count": 1, "Rate": 1.900_544 / 3.0, "Sum": 1.900_544, "Min": 1.900_544,
            "Max": 1.900_544, "Mean": 1.900_544, "Stddev": 0.0, "Labels": {},
        }],
    });
    assert_eq!(page.json("now", Duration::from_secs(3)), expected);
}

#[test]
fn names_that_look_alike_are_one_metric() {
    let mut page = page("");
    page.counter("a.b-c", "", &[], 1);
    page.counter("a.b_c", "", &[], 2);
    page.gauge("a.b/c", "", &[], 3.0);
    assert_eq!(page.prometheus(), "# HELP vault_a_b_c \n# TYPE vault_a_b_c counter\nvault_a_b_c 2\n");
    assert_eq!(prometheus_name("9é"), "_9_");
}
