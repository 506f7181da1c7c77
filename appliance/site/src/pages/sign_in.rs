//! The pages of signing in and joining.

use maud::{Markup, html};

use super::shell::{Shell, form, narrow as page, token};

/// The sign-in: one form for autofill, button and name. `next` is where it leads; `why_not` tells why there can be no passkey,
/// `passwords` whether they are on.
#[must_use]
pub fn sign_in(shell: &Shell<'_>, next: &str, why_not: Option<&str>, passwords: bool) -> String {
    let base = shell.base;
    let body = html! {
        @if let Some(why) = why_not {
            p.told.bad role="alert" { "Nobody can sign in here: " (why) "." }
        }
        form.gesture method="post" action={ (base) "/recover" } data-gesture="sign-in" data-begin={ (base) "/sign-in/begin" }
            data-finish={ (base) "/sign-in/finish" } data-token=(shell.token) data-next=(next) data-fresh={ (base) "/step-up" } {
            (token(shell))
            input type="hidden" name="next" value=(next);
            (needs_script())
            label for="name" { "Name " span.soft { "(may stay empty)" } }
            input #name name="name" type="text" autocomplete="username webauthn" autocapitalize="none" spellcheck="false"
                maxlength="64" aria-describedby="name-help";
            p.help #name-help { "Your device finds the passkey by itself. Only some security keys need the name." }
            button.go type="submit" { (key()) "Sign in with a passkey" }
            (live())
        }
        p.more {
            a href={ (base) "/recover?" (query(next)) } { "Use a recovery code" }
            @if passwords { a href={ (base) "/password?" (query(next)) } { "Use a password" } }
            a href={ (base) "/join" } { "I have an invite" }
        }
    };
    page(shell, "Sign in", &body)
}

/// Asks who is signed in for a fresh proof.
#[must_use]
pub fn step_up(shell: &Shell<'_>, next: &str) -> String {
    let base = shell.base;
    let body = html! {
        p { "What you want to do asks for a fresh proof that it is you. Then do it once more: nothing was changed yet." }
        form.gesture method="post" action={ (base) "/recover" } data-gesture="step-up" data-begin={ (base) "/sign-in/begin" }
            data-finish={ (base) "/sign-in/finish" } data-token=(shell.token) data-next=(next) {
            (token(shell))
            input type="hidden" name="next" value=(next);
            (needs_script())
            button.go type="submit" { (key()) "Show your passkey" }
            (live())
        }
        p.more {
            a href={ (base) "/recover?" (query(next)) } { "Use a recovery code" }
            a href=(next) { "Back" }
        }
    };
    page(shell, "Is it you?", &body)
}

/// A recovery code in place of a passkey; `name` is what was typed before.
#[must_use]
pub fn recover(shell: &Shell<'_>, next: &str, name: &str) -> String {
    let fields = html! {
        input type="hidden" name="next" value=(next);
        label for="name" { "Name" }
        input #name name="name" type="text" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64"
            value=(name);
        label for="code" { "Recovery code" }
        input #code name="code" type="text" autocomplete="off" autocapitalize="characters" spellcheck="false" required maxlength="64"
            aria-describedby="code-help";
        p.help #code-help { "One of the ten that you were shown. Capitals, blanks and hyphens do not matter. Each is good once." }
        button.go type="submit" { "Sign in" }
    };
    let body = html! {
        (form(shell, "/recover", &fields))
        p.more { a href={ (shell.base) "/sign-in?" (query(next)) } { "Use a passkey" } }
    };
    page(shell, "Sign in with a recovery code", &body)
}

/// A password in place of a passkey; `name` is what was typed before.
#[must_use]
pub fn password(shell: &Shell<'_>, next: &str, name: &str) -> String {
    let fields = html! {
        input type="hidden" name="next" value=(next);
        label for="name" { "Name" }
        input #name name="name" type="text" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64"
            value=(name);
        label for="password" { "Password" }
        input #password name="password" type="password" autocomplete="current-password" required maxlength="1024";
        label for="code" { "One-time password" }
        input #code.short name="code" type="text" inputmode="numeric" autocomplete="one-time-code" maxlength="12"
            aria-describedby="code-help";
        p.help #code-help { "Only if you have set up a generator." }
        button.go type="submit" { "Sign in" }
    };
    let body = html! {
        (form(shell, "/password", &fields))
        p.more { a href={ (shell.base) "/sign-in?" (query(next)) } { "Use a passkey" } }
    };
    page(shell, "Sign in with a password", &body)
}

/// Asks for a one-time password.
#[must_use]
pub fn second_factor(shell: &Shell<'_>, next: &str) -> String {
    let fields = html! {
        input type="hidden" name="next" value=(next);
        label for="code" { "Code" }
        input #code.short name="code" type="text" inputmode="numeric" autocomplete="one-time-code" required maxlength="12"
            aria-describedby="code-help";
        p.help #code-help { "The six digits that your generator shows now." }
        button.go type="submit" { "Go on" }
    };
    page(
        shell,
        "One-time password",
        &form(shell, "/second-factor", &fields),
    )
}

/// Joining by an invite.
#[must_use]
pub fn join(shell: &Shell<'_>, why_not: Option<&str>) -> String {
    let base = shell.base;
    let body = html! {
        @if let Some(why) = why_not {
            p.told.bad role="alert" { "Nobody can join here: " (why) "." }
        }
        p { "You were invited. Choose a name, then let this device make a passkey: it is all that you need to come back." }
        form.gesture method="post" action={ (base) "/join" } data-gesture="join" data-begin={ (base) "/join/begin" }
            data-finish={ (base) "/join/finish" } data-token=(shell.token) data-next={ (base) "/account" } {
            label for="code" { "Invite code" }
            input #code name="code" type="text" autocomplete="off" autocapitalize="characters" spellcheck="false" required maxlength="64"
                aria-describedby="code-help";
            p.help #code-help { "From your invite. Capitals, blanks and hyphens do not matter." }
            label for="name" { "Name" }
            input #name name="name" type="text" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64"
                aria-describedby="name-help";
            p.help #name-help { "Letters, digits, blanks and - _ . @ '" }
            label for="label" { "What is this device called?" }
            input #label name="label" type="text" autocomplete="off" required maxlength="64" value="My device";
            button.go type="submit" { (key()) "Make a passkey and join" }
            (live())
        }
        (needs_script())
        p.more { a href={ (base) "/sign-in" } { "I have a passkey already" } }
    };
    page(shell, "Join", &body)
}

/// The sign of a passkey.
fn key() -> Markup {
    html! {
        svg viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"
            stroke-linejoin="round" aria-hidden="true" {
            circle cx="8" cy="12" r="4" {}
            path d="M12 12h9v3.5M17 12v3" {}
        }
    }
}

/// Where the script tells how it goes.
pub(super) fn live() -> Markup {
    html! { p.told.live role="alert" aria-live="assertive" hidden {} }
}

/// What is told where the script does not run.
pub(super) fn needs_script() -> Markup {
    html! {
        noscript { p.told.bad { "Browsers show passkeys to scripts alone. Switch scripts on for this host, or use a recovery code." } }
    }
}

fn query(next: &str) -> String {
    format!(
        "next={}",
        percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC)
    )
}
