//! The exposition format of Prometheus (text, version 0.0.4), and the [`Source`]s that fill it.
//!
//! Written here and not by a crate: ours are tables a worker holds and figures that several rooms
//! contribute to one family, not metric objects that a registry owns; what remains to be done for
//! them is this page. Names and label names are literals in the code; label values may hold
//! anything and are escaped.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::table::{BOUNDS, Histogram};
use crate::base::Budget;
use crate::base::budget::Part;

/// The media type of what [`Samples::text`] returns.
pub const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Somebody with figures of their own: a store, a pool, a table of floors.
pub trait Source: Send + Sync {
    /// Adds the figures as they are now. Called by a scrape, off the request cores.
    fn samples(&self, out: &mut Samples);
}

/// Labels of a sample: names and values.
pub type Pairs<'a> = &'a [(&'static str, &'a str)];

/// Samples by family. Two sources may add to one family; that a family's samples differ in their
/// labels is their business.
#[derive(Debug, Default)]
pub struct Samples {
    families: BTreeMap<&'static str, Family>,
}

#[derive(Debug)]
struct Family {
    kind: &'static str,
    help: &'static str,
    text: String,
}

impl Samples {
    /// A count that only grows; `name` ends in `_total`.
    pub fn counter(&mut self, name: &'static str, help: &'static str, labels: Pairs, value: f64) {
        line(self.family(name, "counter", help), name, labels, None, value);
    }

    /// A figure that rises and falls.
    pub fn gauge(&mut self, name: &'static str, help: &'static str, labels: Pairs, value: f64) {
        line(self.family(name, "gauge", help), name, labels, None, value);
    }

    /// A distribution of durations; `name` ends in `_seconds`.
    pub fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Pairs,
        value: &Histogram,
    ) {
        let text = self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        let mut sum = 0;
        for (count, bound) in value.counts.iter().zip(BOUNDS.iter().map(|b| b.1).chain(["+Inf"])) {
            sum += count;
            line(text, &bucket, labels, Some(bound), sum as f64);
        }
        line(text, &format!("{name}_sum"), labels, None, value.nanoseconds as f64 / 1e9);
        line(text, &format!("{name}_count"), labels, None, sum as f64);
    }

    /// The whole in the exposition format, families in the order of their names.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (name, Family { kind, help, text }) in &self.families {
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{text}");
        }
        out
    }

    fn family(
        &mut self,
        name: &'static str,
        kind: &'static str,
        help: &'static str,
    ) -> &mut String {
        let family = self.families.entry(name);
        &mut family.or_insert_with(|| Family { kind, help, text: String::new() }).text
    }
}

/// Adds `name{labels,le="bound"} value`.
fn line(out: &mut String, name: &str, labels: Pairs, bound: Option<&str>, value: f64) {
    out.push_str(name);
    let mut before = '{';
    for (label, value) in labels.iter().copied().chain(bound.map(|bound| ("le", bound))) {
        out.push(before);
        out.push_str(label);
        out.push_str("=\"");
        for letter in value.chars() {
            match letter {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
        before = ',';
    }
    if before == ',' {
        out.push('}');
    }
    // Writing to a String cannot fail.
    let _ = writeln!(out, " {value}");
}

impl Source for Budget {
    fn samples(&self, out: &mut Samples) {
        out.gauge(
            "tidegate_memory_limit_bytes",
            "What the process may hold.",
            &[],
            self.limit() as f64,
        );
        for part in Part::ALL {
            let help = "What is charged to the process's memory limit now, by what it is held for.";
            let held = self.held_for(part) as f64;
            out.gauge("tidegate_memory_held_bytes", help, &[("for", part.as_str())], held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_may_hold_anything() {
        let mut samples = Samples::default();
        samples.gauge("x", "X.", &[("a", "q\"b\\s\nn"), ("b", "")], 1.5);
        assert_eq!(
            samples.text(),
            "# HELP x X.\n# TYPE x gauge\nx{a=\"q\\\"b\\\\s\\nn\",b=\"\"} 1.5\n"
        );
    }

    #[test]
    fn sources_share_a_family() {
        let mut samples = Samples::default();
        samples.counter("b_total", "B.", &[("of", "one")], 1.0);
        samples.counter("a_total", "A.", &[], 3.0);
        samples.counter("b_total", "B.", &[("of", "two")], 2.0);
        let lines: Vec<String> = samples.text().lines().map(String::from).collect();
        assert_eq!(lines.iter().filter(|l| l.starts_with("# TYPE b_total")).count(), 1);
        assert_eq!(lines[2], "a_total 3");
        assert_eq!(lines[5..], ["b_total{of=\"one\"} 1", "b_total{of=\"two\"} 2"]);
    }
}
