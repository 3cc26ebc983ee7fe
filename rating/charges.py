"""From the slices of a call to what it costs: fees, minimum, maximum, and the one rounding."""

from fractions import Fraction

from rating.money import ZERO, Rounding
from rating.rates import PLAIN, Rules

_PERCENT = 100


def charge_units(
    rules: Rules, rounding: Rounding, used: tuple[int, int], connect_fee: Fraction, after: Fraction = ZERO
) -> int:
    """
    Return the charge of a call in steps of its rounding.

    Args:
        rules: The percent surcharge, minimum and maximum of the rate.
        rounding: How the sum is rounded, once.
        used: The sum of the slices, a ratio.
        connect_fee: The fee that is due for this call.
        after: What comes on top of the maximum: payphone surcharge and dip fees.
    """
    numerator, denominator = used
    if rules is PLAIN and not after:
        if connect_fee:
            numerator = numerator * connect_fee.denominator + connect_fee.numerator * denominator
            denominator *= connect_fee.denominator
        return rounding.units(numerator, denominator)
    charge = Fraction(numerator, denominator) + connect_fee
    charge += charge * rules.surcharge_percent / _PERCENT
    if charge > 0:  # a call that minutes paid in full owes no minimum
        charge = max(charge, rules.min_charge)
    if rules.max_charge is not None:
        charge = min(charge, rules.max_charge)
    charge += after
    return rounding.units(charge.numerator, charge.denominator)
