//! Scripts that make code of text, which a policy without `'unsafe-eval'` stops (CSP level 3, section 4.4.1).

use super::LOOKED_AT;

/// What begins such a call, as bundlers and people write it.
const CALLS: [&[u8]; 2] = [b"eval", b"Function"];

/// Whether a script seems to call `eval` or the constructor `Function`: advice, by the look of it.
///
/// Comments and texts in quotes count too. Methods of other objects (`model.eval(…)`) do not, nor longer names
/// (`retrieval(…)`), nor `function (…)`, nor what is declared (`function eval(…)`).
pub(crate) fn evaluates(script: &[u8]) -> bool {
    let script = script.get(..LOOKED_AT).unwrap_or(script);
    let calls = |name: &[u8]| {
        let mut from = 0_usize;
        std::iter::from_fn(|| {
            let at = find(script.get(from..)?, name)?.saturating_add(from);
            from = at.saturating_add(name.len());
            Some((at, from))
        })
        .any(|(at, behind)| is_call(script, name, at, behind))
    };
    CALLS.iter().any(|name| calls(name))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}

fn is_call(script: &[u8], name: &[u8], at: usize, behind: usize) -> bool {
    let (Some(before), Some(after)) = (script.get(..at), script.get(behind..)) else {
        return false;
    };
    let opens = after.trim_ascii_start().starts_with(b"(");
    let spaced = before.len() > before.trim_ascii_end().len();
    let before = before.trim_ascii_end();
    let word = before.rsplit(|byte| !is_of_name(*byte)).next();
    let word = word.unwrap_or_default();
    if !opens || (!spaced && !word.is_empty()) {
        return false;
    }
    if name == b"Function" {
        return word == b"new";
    }
    // `window.eval(…)` is the same; of other objects it is a method.
    let object = before.strip_suffix(b".").map(<[u8]>::trim_ascii_end);
    object.map_or(word != b"function", |object| {
        let of: [&[u8]; 3] = [b"window", b"globalThis", b"self"];
        of.iter().any(|global| object.ends_with(global))
    })
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_made_of_text_is_found() {
        for script in [
            "eval('1')",
            "x=eval (y)",
            "return eval(y)",
            "window.eval(y)",
            "var f = new Function('return 1')",
            "new  Function (a)",
            "model.eval(a);eval(b)",
        ] {
            assert!(evaluates(script.as_bytes()), "{script}");
        }
        for script in [
            "",
            "eval",
            "retrieval(x)",
            "$eval(x)",
            "scope.eval(x)",
            "function eval(x) {}",
            "function (x) {}",
            "Function.prototype.call(x)",
            "x instanceof Function && (y)",
            "evaluate(x)",
            "new Functional(x)",
        ] {
            assert!(!evaluates(script.as_bytes()), "{script}");
        }
    }
}
