//! The format: OpenMetrics 1.0, families of samples with labels.

use std::fmt::{self, Display, Write as _};

use crate::histogram::Times;

/// A page of families.
#[derive(Debug, Default)]
pub(super) struct Page(String);

/// The labels of a sample: name and value.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// A family that samples are added to.
pub(super) struct Family<'a> {
    page: &'a mut String,
    name: &'static str,
}

impl Page {
    /// Numbers that go up and down. A unit is the end of the name.
    pub(super) fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    /// Numbers that only grow.
    pub(super) fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    /// One of some states each.
    pub(super) fn states(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "stateset", help)
    }

    /// Texts, in labels.
    pub(super) fn info(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "info", help)
    }

    /// Times in buckets.
    pub(super) fn histogram(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "histogram", help)
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        write(&mut self.0, format_args!("# TYPE {name} {kind}\n"));
        if name.ends_with("_seconds") {
            write(&mut self.0, format_args!("# UNIT {name} seconds\n"));
        }
        write(&mut self.0, format_args!("# HELP {name} {help}\n"));
        Family { page: &mut self.0, name }
    }

    /// The whole text.
    pub(super) fn finish(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

impl Family<'_> {
    /// A sample of a gauge.
    pub(super) fn value(&mut self, labels: Labels<'_>, value: impl Display) {
        self.sample("", labels, value);
    }

    /// A sample of a counter.
    pub(super) fn total(&mut self, labels: Labels<'_>, value: u64) {
        self.sample("_total", labels, value);
    }

    /// A sample of a state set: `states` are all there are, of which one is.
    pub(super) fn state<'s>(
        &mut self,
        labels: Labels<'_>,
        states: impl IntoIterator<Item = &'s str>,
        is: &str,
    ) {
        let name = self.name;
        for state in states {
            let mut labels = labels.to_vec();
            labels.push((name, state));
            self.sample("", &labels, u8::from(state == is));
        }
    }

    /// A sample of an information.
    pub(super) fn told(&mut self, labels: Labels<'_>) {
        self.sample("_info", labels, 1);
    }

    /// The samples of a histogram.
    pub(super) fn times(&mut self, labels: Labels<'_>, times: &Times) {
        let mut bucket = |le: &str, count: u64| {
            let mut labels = labels.to_vec();
            labels.push(("le", le));
            self.sample("_bucket", &labels, count);
        };
        for (bound, count) in &times.buckets {
            bucket(&canonical(seconds(*bound)), *count);
        }
        bucket("+Inf", times.count);
        self.sample("_count", labels, times.count);
        self.sample("_sum", labels, seconds(times.sum_us));
    }

    fn sample(&mut self, suffix: &str, labels: Labels<'_>, value: impl Display) {
        write(self.page, format_args!("{}{suffix}", self.name));
        for (number, (name, text)) in labels.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            write(self.page, format_args!("{before}{name}=\"{}\"", Escaped(text)));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        write(self.page, format_args!("{after} {value}\n"));
    }
}

/// Microseconds as seconds.
pub(super) fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// The bound of a bucket as the standard writes it: with a point or an exponent of two digits (`0.05`, `1.0`, `2.5e-05`).
fn canonical(bound: f64) -> String {
    let text = format!("{bound:?}");
    match text.split_once("e-") {
        Some((digits, exponent)) if exponent.len() < 2 => format!("{digits}e-0{exponent}"),
        _ => text,
    }
}

/// The value of a label between quotes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            c => f.write_char(c),
        })
    }
}

/// Writing to a String cannot fail.
fn write(to: &mut String, what: fmt::Arguments<'_>) {
    let _ = to.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_the_standard_says() {
        let mut page = Page::default();
        page.gauge("lease_expires_in_seconds", "Time left.").value(&[("client", "wan4")], 12);
        page.counter("calls", "Calls.").total(&[], 3);
        page.states("state", "State.").state(&[("client", "a\"b\\c\n")], ["on", "off"], "off");
        page.info("build", "Version.").told(&[("version", "1.0.0")]);
        let times = Times { buckets: vec![(50_000, 1), (1_000_000, 2)], count: 3, sum_us: 4_250_000 };
        page.histogram("wait_seconds", "Waiting.").times(&[], &times);
        let expected = r#"# TYPE lease_expires_in_seconds gauge
# UNIT lease_expires_in_seconds seconds
# HELP lease_expires_in_seconds Time left.
lease_expires_in_seconds{client="wan4"} 12
# TYPE calls counter
# HELP calls Calls.
calls_total 3
# TYPE state stateset
# HELP state State.
state{client="a\"b\\c\n",state="on"} 0
state{client="a\"b\\c\n",state="off"} 1
# TYPE build info
# HELP build Version.
build_info{version="1.0.0"} 1
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
# HELP wait_seconds Waiting.
wait_seconds_bucket{le="0.05"} 1
wait_seconds_bucket{le="1.0"} 2
wait_seconds_bucket{le="+Inf"} 3
wait_seconds_count 3
wait_seconds_sum 4.25
# EOF
"#;
        assert_eq!(page.finish(), expected);
    }
}
