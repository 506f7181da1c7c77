//! The frame of the portal's pages: where one is, who one is, and what came of the last act.

use maud::{Markup, html};

use super::layout::script_path;
use super::layout::{Frame, document};

/// What a page of the portal must know of the request that it answers.
#[derive(Clone, Copy, Debug)]
pub struct Shell<'a> {
    /// The answer's own.
    pub frame: Frame<'a>,
    /// What the portal's paths begin with: nothing, or the folder that it has on a host of both.
    pub base: &'a str,
    /// What each form carries, so that it is known to come from here.
    pub token: &'a str,
    /// The name of who is signed in.
    pub who: Option<&'a str>,
    /// Whether that is an admin.
    pub admin: bool,
    /// URL of the site.
    pub site: &'a str,
    /// What came of the act before.
    pub told: Option<Told<'a>>,
}

/// What came of an act.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Whether it was done.
    pub good: bool,
    /// What was done, or why not and what to do.
    pub text: &'a str,
}

/// A page of the portal.
pub(super) fn shell(shell: &Shell<'_>, title: &str, body: &Markup) -> String {
    framed(shell, title, false, body)
}

/// A page of the portal with one thing to do.
pub(super) fn narrow(shell: &Shell<'_>, title: &str, body: &Markup) -> String {
    framed(shell, title, true, body)
}

fn framed(shell: &Shell<'_>, title: &str, narrow: bool, body: &Markup) -> String {
    let base = shell.base;
    let content = html! {
        a.skip href="#content" { "Skip to the content" }
        nav.top aria-label="Portal" {
            a href=(shell.site) { "Site" }
            @if let Some(name) = shell.who {
                a href={ (base) "/account" } { "Account" }
                @if shell.admin {
                    a href={ (base) "/admin" } { "People" }
                    a href={ (base) "/admin/roles" } { "Roles" }
                    a href={ (base) "/admin/machine" } { "Machine" }
                }
                form.out method="post" action={ (base) "/sign-out" } {
                    (token(shell))
                    span.who { (name) }
                    button.quiet type="submit" { "Sign out" }
                }
            } @else {
                a href={ (base) "/sign-in" } { "Sign in" }
            }
        }
        div #content .narrow[narrow] {
            @if let Some(told) = shell.told {
                p.told.bad[!told.good] role=(if told.good { "status" } else { "alert" }) { (told.text) }
            }
            h1 { (title) }
            (body)
        }
        script src=(script_path()) nonce=(shell.frame.nonce) defer {}
    };
    document(&shell.frame, title, &content)
}

/// What each form carries.
pub(super) fn token(shell: &Shell<'_>) -> Markup {
    html! { input type="hidden" name="token" value=(shell.token); }
}

/// A form whose answer is a page.
pub(super) fn form(shell: &Shell<'_>, path: &str, body: &Markup) -> Markup {
    html! {
        form method="post" action={ (shell.base) (path) } {
            (token(shell))
            (body)
        }
    }
}

/// A time as people read it: day, month, year, hour and minute. `stamp` is RFC 3339 in UTC.
pub(super) fn time(stamp: &str) -> Markup {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let part = |from: usize, to: usize| stamp.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().ok();
    let month = month.and_then(|month| MONTHS.get(month.checked_sub(1)?));
    let month = month.copied().unwrap_or_default();
    let day = part(8, 10).trim_start_matches('0');
    html! {
        time datetime=(stamp) { (day) " " (month) " " (part(0, 4)) ", " (part(11, 16)) " UTC" }
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn a_time_is_told_as_people_read_it() {
        assert_eq!(
            time("2026-11-03T08:05:59.123Z").into_string(),
            "<time datetime=\"2026-11-03T08:05:59.123Z\">3 Nov 2026, 08:05 UTC</time>"
        );
    }
}
