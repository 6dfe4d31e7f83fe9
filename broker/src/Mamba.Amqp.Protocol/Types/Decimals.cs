using System.Globalization;

namespace Mamba.Amqp.Types;

/// <summary>A 32-bit decimal number, IEEE 754-2008 in the binary integer encoding, as its raw bits (AMQP 1.0 §1.6.13).</summary>
/// <param name="Bits">The bits as on the wire, most significant first.</param>
public readonly record struct Decimal32(uint Bits)
{
    /// <summary>Converts the number; false for infinities, NaN, and what <see cref="decimal"/> cannot hold.</summary>
    public bool TryToDecimal(out decimal value)
    {
        // sign:1 | exponent:8 coefficient:23  — or, when the two bits after the sign are 11, sign:1 11 exponent:8 coefficient:21 (+2^23)
        var large = (Bits >> 29 & 3) == 3;
        if ((Bits >> 27 & 0xf) == 0xf)
        {
            value = 0;
            return false;
        }

        var exponent = (int)(large ? Bits >> 21 & 0xff : Bits >> 23 & 0xff) - 101;
        var coefficient = large ? Bits & 0x1fffff | 0x800000 : Bits & 0x7fffff;
        return DecimalBits.TryScale(coefficient > 9_999_999 ? 0 : coefficient, exponent, Bits >> 31 != 0, out value);
    }

    public override string ToString() =>
        TryToDecimal(out var value) ? value.ToString(CultureInfo.InvariantCulture) : $"decimal32:0x{Bits:x8}";
}

/// <summary>A 64-bit decimal number, IEEE 754-2008 in the binary integer encoding, as its raw bits (AMQP 1.0 §1.6.14).</summary>
/// <param name="Bits">The bits as on the wire, most significant first.</param>
public readonly record struct Decimal64(ulong Bits)
{
    /// <summary>Converts the number; false for infinities, NaN, and what <see cref="decimal"/> cannot hold.</summary>
    public bool TryToDecimal(out decimal value)
    {
        // sign:1 | exponent:10 coefficient:53  — or sign:1 11 exponent:10 coefficient:51 (+2^53)
        var large = (Bits >> 61 & 3) == 3;
        if ((Bits >> 59 & 0xf) == 0xf)
        {
            value = 0;
            return false;
        }

        var exponent = (int)(large ? Bits >> 51 & 0x3ff : Bits >> 53 & 0x3ff) - 398;
        var coefficient = large ? Bits & 0x7_ffff_ffff_ffffUL | 0x20_0000_0000_0000UL : Bits & 0x1f_ffff_ffff_ffffUL;
        return DecimalBits.TryScale(coefficient > 9_999_999_999_999_999 ? 0 : coefficient, exponent, Bits >> 63 != 0, out value);
    }

    public override string ToString() =>
        TryToDecimal(out var value) ? value.ToString(CultureInfo.InvariantCulture) : $"decimal64:0x{Bits:x16}";
}

/// <summary>A 128-bit decimal number, IEEE 754-2008 in the binary integer encoding, as its raw bits (AMQP 1.0 §1.6.15).</summary>
/// <param name="High">The first eight bytes of the wire.</param>
/// <param name="Low">The last eight bytes of the wire.</param>
public readonly record struct Decimal128(ulong High, ulong Low)
{
    /// <summary>Converts the number; false for infinities, NaN, and what <see cref="decimal"/> cannot hold.</summary>
    public bool TryToDecimal(out decimal value)
    {
        // sign:1 | exponent:14 coefficient:113; the other form of the encoding exceeds 34 digits and stands for zero
        value = 0;
        if ((High >> 59 & 0xf) == 0xf)
        {
            return false;
        }

        if ((High >> 61 & 3) == 3)
        {
            return true;
        }

        var exponent = (int)(High >> 49 & 0x3fff) - 6176;
        var coefficient = new UInt128(High & 0x1_ffff_ffff_ffffUL, Low);
        return DecimalBits.TryScale(coefficient, exponent, High >> 63 != 0, out value);
    }

    public override string ToString() =>
        TryToDecimal(out var value) ? value.ToString(CultureInfo.InvariantCulture) : $"decimal128:0x{High:x16}{Low:x16}";
}

internal static class DecimalBits
{
    private static readonly UInt128 MaxCoefficient = (UInt128.One << 96) - 1;

    /// <summary>coefficient * 10^exponent as a decimal, exactly or not at all.</summary>
    public static bool TryScale(UInt128 coefficient, int exponent, bool negative, out decimal value)
    {
        value = 0;
        while (coefficient != 0 && exponent < 0 && coefficient % 10 == 0)
        {
            coefficient /= 10;
            exponent++;
        }

        while (coefficient != 0 && exponent > 0 && coefficient <= MaxCoefficient)
        {
            coefficient *= 10;
            exponent--;
        }

        if (coefficient == 0)
        {
            return true;
        }

        if (coefficient > MaxCoefficient || exponent is > 0 or < -28)
        {
            return false;
        }

        value = new decimal((int)(uint)coefficient, (int)(uint)(coefficient >> 32), (int)(uint)(coefficient >> 64), negative, (byte)-exponent);
        return true;
    }
}
