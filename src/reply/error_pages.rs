//! The error pages of the sites that have some of their own: read when a configuration is put in force,
//! and held until the next.

use std::collections::HashMap;
use std::sync::Arc;

use super::template::Template;
use crate::base::SiteId;
use crate::config::Config;

/// Templates by site.
#[derive(Clone, Debug, Default)]
pub struct ErrorPages(Arc<HashMap<SiteId, Template>>);

impl ErrorPages {
    /// Reads those that `config` names.
    ///
    /// # Errors
    /// A sentence for each file that is no template.
    pub fn read(config: &Config) -> Result<Self, Vec<String>> {
        let (mut pages, mut errors) = (HashMap::new(), Vec::new());
        for site in &config.sites {
            let Some(file) = &site.answers.error_page else { continue };
            match Template::read(file) {
                Ok(template) => _ = pages.insert(site.id, template),
                Err(error) => errors.push(format!("the error page of site {}: {error}", site.name)),
            }
        }
        if errors.is_empty() { Ok(Self(Arc::new(pages))) } else { Err(errors) }
    }

    /// The page of `site`.
    pub fn of(&self, site: SiteId) -> Option<&Template> {
        self.0.get(&site)
    }
}
