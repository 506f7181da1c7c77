//! Service workers of the site (Service Workers, section 3).
//!
//! A worker sees each navigation within its scope, and the scope ends at the folder of its script unless the server says
//! otherwise, which this one never does. One at the root would see the address that carries a hand-over's code
//! (law 11), so there is none; one in a folder sees what that folder's pages see.

use http::request::Parts;

use crate::host::Host;
use crate::rejection::Rejection;

/// Refuses the script of a service worker whose scope could reach beyond a folder of pages.
///
/// # Errors
/// [`Rejection::Refused`], which browsers tell the page that asked for it.
pub(crate) fn refuse_at_root(host: Host, parts: &Parts) -> Result<(), Rejection> {
    if !host.has_pages() || !parts.headers.contains_key("service-worker") {
        return Ok(());
    }
    let path = parts.uri.path();
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    if !folder.is_empty() && folder != "/.holdfast" {
        return Ok(());
    }
    let why = "A service worker at the root of the site would see how people sign in. Put its script into the folder whose \
        pages it is for.";
    Err(Rejection::Refused(why.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_of_the_root_is_refused_and_one_of_a_folder_is_not() {
        let asked = |path: &str, worker: bool| {
            let mut request = http::Request::builder().uri(path);
            if worker {
                request = request.header("Service-Worker", "script");
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            refuse_at_root(Host::Site, &parts).is_ok()
        };
        for (path, taken) in [
            ("/sw.js", false),
            ("/sw.js?x=/a/", false),
            ("/.holdfast/sw.js", false),
            ("/app/sw.js", true),
        ] {
            assert_eq!(asked(path, true), taken, "{path}");
            assert!(asked(path, false), "{path}");
        }
        let request = http::Request::builder()
            .uri("/sw.js")
            .header("Service-Worker", "script");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert!(
            refuse_at_root(Host::Portal, &parts).is_ok(),
            "it has no pages"
        );
    }
}
