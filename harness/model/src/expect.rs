//! Whether a call gave what its author expects.

use touchstone_spec::{Errno, Function, Shape};

use crate::script::{Int, Pattern};
use crate::trace::TraceCall;
use crate::value::{Named, Value, results};

/// Whether a call meets one of the alternatives. No alternatives: the author leaves it open, everything meets that.
pub fn meets(patterns: &[Pattern], call: &TraceCall) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| meets_one(pattern, call))
}

/// Whether a call did not come back, and its author said that it need not.
pub fn stops(patterns: &[Pattern], call: &TraceCall) -> bool {
    call.outcome.is_none() && patterns.iter().any(|pattern| matches!(pattern, Pattern::Trap(_)))
}

fn meets_one(pattern: &Pattern, call: &TraceCall) -> bool {
    let Some(outcome) = &call.outcome else {
        return matches!(pattern, Pattern::Trap(_));
    };
    if let Pattern::Name(name) = pattern
        && let Some(errno) = Errno::from_name(&name.text)
    {
        return outcome.errno() == Some(errno);
    }
    outcome.errno == 0 && answers(pattern, &results(call), Some(call.function))
}

/// Whether the results of a successful call match.
fn answers(pattern: &Pattern, results: &[Named], function: Option<Function>) -> bool {
    let first = results.first().map(|named| &named.value);
    // what a call filled says more than how much it filled
    let data = results.iter().map(|named| &named.value).find(|value| matches!(value, Value::Bytes { .. } | Value::List(_)));
    match pattern {
        Pattern::Ok | Pattern::Any => true,
        Pattern::Trap(_) => false,
        Pattern::Name(_) | Pattern::Int(_) | Pattern::Range(..) => first.is_some_and(|value| matches(pattern, value)),
        Pattern::Literal(_) => data.is_some_and(|value| matches(pattern, value)),
        Pattern::List(items, _) => match data.or(first) {
            Some(Value::List(values)) if is_ordered(function) => {
                items.len() == values.len() && items.iter().zip(values).all(|(item, value)| matches(item, value))
            }
            Some(Value::List(values)) => same_set(items, values),
            Some(value) => matches(pattern, value),
            None => false,
        },
        Pattern::Record(fields, _, _) => fields.iter().all(|(name, pattern)| {
            let value =
                results.iter().find_map(|named| if named.name == name.text { Some(&named.value) } else { field(&named.value, &name.text) });
            value.is_some_and(|value| matches(pattern, value))
        }),
    }
}

/// Arguments and environment come in an order that means something; directory entries and events do not.
fn is_ordered(function: Option<Function>) -> bool {
    matches!(function, Some(Function::ArgsGet | Function::EnvironGet))
}

/// Whether each value is matched by a pattern of its own. Patterns that match several values are tried in turn.
fn same_set(patterns: &[Pattern], values: &[Value]) -> bool {
    let Some((first, rest)) = values.split_first() else { return patterns.is_empty() };
    if patterns.len() != values.len() {
        return false;
    }
    (0..patterns.len()).any(|index| {
        if !matches(&patterns[index], first) {
            return false;
        }
        let mut others = patterns.to_vec();
        others.remove(index);
        same_set(&others, rest)
    })
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Record(fields) => {
            fields.iter().find_map(|(field_name, inner)| if *field_name == name { Some(inner) } else { field(inner, name) })
        }
        Value::Scalar { .. } | Value::Bytes { .. } | Value::List(_) | Value::OutOfBounds => None,
    }
}

/// Whether one value matches.
fn matches(pattern: &Pattern, value: &Value) -> bool {
    match (pattern, value) {
        (Pattern::Ok | Pattern::Any, _) => true,
        (Pattern::Int(int), Value::Scalar { .. }) => integer(value) == Some(int.value),
        (Pattern::Range(low, high), Value::Scalar { .. }) => integer(value).is_some_and(|number| in_range(number, low, high.as_ref())),
        (Pattern::Name(name), Value::Scalar { value, ty }) => ty.case_value(&name.text) == Some(*value),
        (Pattern::List(items, _), Value::Scalar { value, ty }) => flags(items, ty) == Some(*value),
        (Pattern::Literal(literal), Value::Bytes { bytes, len }) => literal.bytes() == *bytes && bytes.len() == *len as usize,
        // a name alone stands for a directory entry of that name
        (Pattern::Literal(_), Value::Record(_)) => field(value, "name").is_some_and(|name| matches(pattern, name)),
        (Pattern::Record(fields, _, _), Value::Record(_)) => {
            fields.iter().all(|(name, pattern)| field(value, &name.text).is_some_and(|inner| matches(pattern, inner)))
        }
        (_, _) => false,
    }
}

fn in_range(number: i128, low: &Int, high: Option<&Int>) -> bool {
    number >= low.value && high.is_none_or(|high| number <= high.value)
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Scalar { value, ty } => match &ty.shape {
            Shape::Int(repr) if repr.is_signed() => Some(i128::from(value.cast_signed())),
            _ => Some(i128::from(*value)),
        },
        Value::Bytes { .. } | Value::Record(_) | Value::List(_) | Value::OutOfBounds => None,
    }
}

fn flags(items: &[Pattern], ty: &touchstone_spec::Type) -> Option<u64> {
    items.iter().try_fold(0, |bits, item| match item {
        Pattern::Name(name) => Some(bits | ty.case_value(&name.text)?),
        _ => None,
    })
}
