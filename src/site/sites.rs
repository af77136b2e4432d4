//! Host → site: an exact host wins over the longest wildcard, and that over `*`. The order of the
//! file never matters; duplicates are the configuration's business and cannot occur here.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{HostPattern, Site};

/// All sites, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    exact: HashMap<String, Arc<Site>, foldhash::fast::RandomState>,
    /// By suffix, which begins with a dot.
    suffix: HashMap<String, Arc<Site>, foldhash::fast::RandomState>,
    any: Option<Arc<Site>>,
}

impl Sites {
    /// Collects `sites`.
    pub fn new(sites: &[Arc<Site>]) -> Self {
        let mut all = Self::default();
        for site in sites {
            for host in &site.hosts {
                match host {
                    HostPattern::Exact(name) => {
                        all.exact.insert(name.clone(), Arc::clone(site));
                    }
                    HostPattern::Suffix(suffix) => {
                        all.suffix.insert(suffix.clone(), Arc::clone(site));
                    }
                    HostPattern::Any => all.any = Some(Arc::clone(site)),
                }
            }
        }
        all
    }

    /// The site of that name.
    pub fn named(&self, name: &str) -> Option<&Arc<Site>> {
        self.by_host().find(|site| *site.name == *name)
    }

    /// The site of each pattern of hosts, in no order: one with several comes several times.
    pub fn by_host(&self) -> impl Iterator<Item = &Arc<Site>> {
        self.exact.values().chain(self.suffix.values()).chain(&self.any)
    }

    /// The site of `host`, which is in lower case, without a port.
    pub fn find(&self, host: &str) -> Option<&Arc<Site>> {
        if let Some(site) = self.exact.get(host) {
            return Some(site);
        }
        if !self.suffix.is_empty() {
            // The longest suffix first: `.b.c` of `a.b.c` before `.c`. A wildcard stands for at
            // least one character, so the search begins after the first.
            let dots = host.char_indices().skip(1).filter(|(_, c)| *c == '.').map(|(at, _)| at);
            for at in dots {
                if let Some(site) = self.suffix.get(&host[at..]) {
                    return Some(site);
                }
            }
        }
        self.any.as_ref()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::SiteId;
    use crate::config::Ids;
    use std::path::Path;

    pub(crate) fn site(id: u16, hosts: &[HostPattern]) -> Arc<Site> {
        let mut site = Site::clone(&plain_site());
        site.id = SiteId(id);
        site.name = format!("site{id}").into();
        site.hosts = hosts.to_vec();
        Arc::new(site)
    }

    /// A site of the profile `plain` with nothing written that may be left out.
    pub(crate) fn plain_site() -> Arc<Site> {
        site_with("")
    }

    /// The site of which a configuration says no more than `keys`.
    pub(crate) fn site_with(keys: &str) -> Arc<Site> {
        let text = format!(
            "[[listener]]\naddress = \"127.0.0.1:8080\"\n\
             [cluster.origin]\nservers = [\"127.0.0.1:1\"]\n\
             [site.w]\nhosts = [\"w.test\"]\ncluster = \"origin\"\n{keys}\n"
        );
        let loaded = crate::config::parse(&text, "test", Path::new("/"), &Ids::default());
        Arc::clone(&loaded.unwrap_or_else(|errors| panic!("{errors}")).config.sites[0])
    }

    #[test]
    fn an_exact_host_wins_over_the_longest_wildcard_and_that_over_any() {
        let sites = [
            site(0, &[HostPattern::Any]),
            site(1, &[HostPattern::Suffix(".test".into())]),
            site(2, &[HostPattern::Suffix(".wiki.test".into())]),
            site(3, &[HostPattern::Exact("en.wiki.test".into())]),
        ];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let sites = Sites::new(&order.map(|at: usize| Arc::clone(&sites[at])));
            for (host, id) in [
                ("en.wiki.test", 3),
                ("de.wiki.test", 2),
                ("a.b.wiki.test", 2),
                ("wiki.test", 1),
                ("test", 0),
                (".test", 0),
                ("elsewhere.example", 0),
            ] {
                assert_eq!(sites.find(host).unwrap().id, SiteId(id), "{host}");
            }
        }
    }

    #[test]
    fn a_host_of_no_site_has_none() {
        let sites = Sites::new(&[site(0, &[HostPattern::Exact("a.test".into())])]);
        assert!(sites.find("b.test").is_none());
        assert!(sites.find("x.a.test").is_none());
    }
}
