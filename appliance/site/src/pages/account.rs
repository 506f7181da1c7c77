//! The pages of one's own account.

use maud::{Markup, PreEscaped, html};

use super::shell::{Shell, form, shell as page, time};
use super::sign_in::{live, needs_script};

/// One passkey of a list.
#[derive(Clone, Debug)]
pub struct PasskeyRow {
    /// Its number, in hex.
    pub id: String,
    /// Its name.
    pub label: String,
    /// When it was made, RFC 3339.
    pub made: String,
    /// When it was last used, RFC 3339.
    pub used: String,
}

/// One session of a list.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Its number, in hex.
    pub id: String,
    /// What the browser says it is, and its address.
    pub device: String,
    /// When it began, RFC 3339.
    pub made: String,
    /// When it was last used, RFC 3339.
    pub used: String,
    /// Whether it is one of the site, which ends with that of the portal.
    pub site: bool,
    /// How the person signed in.
    pub method: &'static str,
    /// Whether it is the one that asks.
    pub own: bool,
}

/// How one's generator of one-time passwords stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// There is none.
    None,
    /// It is good.
    Good,
    /// Too many wrong codes came.
    Locked,
}

/// What the account's page tells.
#[derive(Clone, Debug)]
pub struct Account {
    /// The passkeys.
    pub passkeys: Vec<PasskeyRow>,
    /// How many there may be.
    pub most_passkeys: usize,
    /// The generator of one-time passwords.
    pub totp: Generator,
    /// Whether there is a password.
    pub password: bool,
    /// Whether passwords are on.
    pub passwords: bool,
    /// Recovery codes that are left.
    pub codes: usize,
    /// The sessions.
    pub sessions: Vec<SessionRow>,
    /// Whether the person has just joined.
    pub welcome: bool,
}

/// The account of who is signed in.
#[must_use]
pub fn account(shell: &Shell<'_>, account: &Account) -> String {
    let body = html! {
        @if account.welcome && shell.told.is_none() {
            p.told role="status" { "Welcome. This device signs you in from now on, by one gesture." }
        }
        @if account.codes == 0 {
            p.told.bad { "You have no recovery codes. Without them a lost device is a lost account: make some below." }
        }
        (passkeys(shell, account))
        (second_factor(shell, account.totp))
        (password(shell, account))
        h2 { "Recovery codes" }
        p {
            @match account.codes {
                0 => "There are none.",
                1 => "One is left.",
                left => { (left) " are left." }
            }
            " Each signs you in once when no passkey is at hand."
        }
        (form(shell, "/account/codes", &html! {
            button.quiet type="submit" { @if account.codes == 0 { "Make ten codes" } @else { "Make ten new codes in place of these" } }
        }))
        (sessions(shell, &account.sessions, "/account/sessions/end", None))
        @if account.sessions.len() > 1 {
            (form(shell, "/account/sessions/end", &html! {
                input type="hidden" name="session" value="others";
                button.quiet type="submit" { "End all other sessions" }
            }))
        }
    };
    page(shell, "Your account", &body)
}

fn passkeys(shell: &Shell<'_>, account: &Account) -> Markup {
    let base = shell.base;
    html! {
        h2 { "Passkeys" }
        ul.rows {
            @for key in &account.passkeys {
                li {
                    div {
                        strong { (key.label) }
                        p.help { "Last used " (time(&key.used)) }
                        p.help { "Made " (time(&key.made)) }
                    }
                    (form(shell, "/account/passkeys/remove", &html! {
                        input type="hidden" name="passkey" value=(key.id);
                        button.quiet.danger type="submit" aria-label={ "Remove " (key.label) } { "Remove" }
                    }))
                }
            }
        }
        @if account.passkeys.len() < account.most_passkeys {
            form.gesture method="post" action={ (base) "/account" } data-gesture="add" data-begin={ (base) "/account/passkeys/begin" }
                data-finish={ (base) "/account/passkeys/finish" } data-token=(shell.token) data-next={ (base) "/account" }
                data-fresh={ (base) "/step-up" } {
                label for="label" { "Name of a further passkey" }
                div.beside {
                    input #label name="label" type="text" autocomplete="off" required maxlength="64" placeholder="Phone, security key";
                    button.quiet type="submit" { "Add a passkey" }
                }
                (live())
            }
            (needs_script())
        } @else {
            p { "There may be " (account.most_passkeys) ". Remove one before you add another." }
        }
    }
}

fn second_factor(shell: &Shell<'_>, generator: Generator) -> Markup {
    html! {
        h2 { "One-time passwords" }
        @match generator {
            Generator::None => {
                p { "An app that shows a new code every half minute, as a second factor besides your passkey." }
                (form(shell, "/account/totp", &html! {
                    label for="algorithm" { "How it counts" }
                    select #algorithm name="algorithm" aria-describedby="algorithm-help" {
                        option value="SHA1" selected { "SHA-1, which every app knows" }
                        option value="SHA256" { "SHA-256" }
                        option value="SHA512" { "SHA-512" }
                    }
                    p.help #algorithm-help {
                        "Some apps show wrong codes for the other two. As used here SHA-1 is not weaker: nobody can compute a code from it."
                    }
                    div { button.quiet type="submit" { "Set up a generator" } }
                }))
            }
            Generator::Good => {
                p { "A generator is set up. Pages that ask for a second factor ask for its code." }
                (remove_generator(shell))
            }
            Generator::Locked => {
                p.told.bad {
                    "Too many wrong codes came, so that your generator is no good any more. Somebody may have guessed. Remove it and set up a new one."
                }
                (remove_generator(shell))
            }
        }
    }
}

fn remove_generator(shell: &Shell<'_>) -> Markup {
    form(
        shell,
        "/account/totp/remove",
        &html! { button.quiet.danger type="submit" { "Remove the generator" } },
    )
}

fn password(shell: &Shell<'_>, account: &Account) -> Markup {
    html! {
        @if account.passwords || account.password {
            h2 { "Password" }
            p { @if account.password { "There is one." } @else { "There is none, and you need none: a passkey is stronger." } }
            @if account.passwords {
                (form(shell, "/account/password", &html! {
                    label for="password" { @if account.password { "A new password" } @else { "A password" } }
                    input #password name="password" type="password" autocomplete="new-password" required minlength="15" maxlength="1024"
                        aria-describedby="password-help";
                    p.help #password-help { "At least 15 characters. Some words that belong together for you alone are good." }
                    label for="again" { "The same once more" }
                    input #again name="again" type="password" autocomplete="new-password" required minlength="15" maxlength="1024";
                    div { button.quiet type="submit" { "Set the password" } }
                }))
            }
            @if account.password {
                (form(shell, "/account/password/remove", &html! { button.quiet.danger type="submit" { "Remove the password" } }))
            }
        }
    }
}

/// A list of sessions, each with a way to end it by a form to `path`; `person` goes along where they are another's.
pub(super) fn sessions(
    shell: &Shell<'_>,
    rows: &[SessionRow],
    path: &str,
    person: Option<&str>,
) -> Markup {
    html! {
        h2 { "Sessions" }
        @if rows.is_empty() { p { "None." } } @else {
            ul.rows {
                @for row in rows {
                    li {
                        div {
                            strong { (row.device) } " "
                            @if row.own { span.tag { "this one" } }
                            @if row.site { span.tag { "site" } }
                            p.help { "Last used " (time(&row.used)) }
                            p.help { "Signed in " (time(&row.made)) " by " (row.method) }
                        }
                        @if !row.own {
                            (form(shell, path, &html! {
                                input type="hidden" name="session" value=(row.id);
                                @if let Some(person) = person { input type="hidden" name="person" value=(person); }
                                button.quiet.danger type="submit" aria-label={ "End the session of " (row.device) } { "End" }
                            }))
                        }
                    }
                }
            }
        }
    }
}

/// A generator that is being set up: its QR code (an SVG of ours) and secret, shown once; none where a first code was wrong.
#[must_use]
pub fn totp(shell: &Shell<'_>, shown: Option<(&str, &str)>) -> String {
    let body = html! {
        @if let Some((svg, secret)) = shown {
            p { "Let your generator read this picture, or type the secret below it. Neither is shown again." }
            div.qr { (PreEscaped(svg)) }
            p.secret { "Secret: " code { (secret) } }
        }
        (form(shell, "/account/totp/confirm", &html! {
            label for="code" { "The code that it shows now" }
            input #code.short name="code" type="text" inputmode="numeric" autocomplete="one-time-code" required maxlength="12";
            div { button.go type="submit" { "Set it up" } }
        }))
        p.more { a href={ (shell.base) "/account" } { "Back, without a generator" } }
    };
    page(shell, "A generator of one-time passwords", &body)
}

/// Recovery codes, shown once.
#[must_use]
pub fn codes<'a>(shell: &Shell<'_>, codes: impl Iterator<Item = &'a str>) -> String {
    let body = html! {
        p.told role="status" { "These take the place of any codes before. They are shown this once: print them, or keep them in a safe." }
        ol.codes { @for one in codes { li { code { (one) } } } }
        p.more { a.go href={ (shell.base) "/account" } { "I have kept them" } }
    };
    page(shell, "Your recovery codes", &body)
}
