using Mamba.Amqp.Codec;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Tests.Types;

public sealed class TypesTests
{
    [Test]
    public void SymbolsAreComparedByTheirText()
    {
        Symbol symbol = "amqp:accepted:list";
        Assert.That(symbol, Is.EqualTo(new Symbol("amqp:accepted:list")));
        Assert.That(default(Symbol).Value, Is.Empty);
        Assert.That(default(Symbol), Is.EqualTo(new Symbol("")));
        Assert.That((string)symbol, Is.EqualTo(symbol.ToString()));
        using var buffer = new ByteBuffer();
        Assert.Throws<ArgumentException>(() => new AmqpWriter(buffer).WriteSymbol("café"));
    }

    [Test]
    public void TimestampsConvertBothWays()
    {
        var time = new DateTimeOffset(2026, 11, 21, 12, 0, 0, 250, TimeSpan.FromHours(1));
        Timestamp timestamp = time;
        Assert.That((DateTimeOffset)timestamp, Is.EqualTo(time));
        Assert.That(timestamp.ToString(), Is.EqualTo("2026-11-21T11:00:00.250Z"));
        Assert.That(new Timestamp(long.MaxValue).ToDateTimeOffset().Year, Is.EqualTo(9999));
        Assert.That(new Timestamp(long.MinValue).ToString(), Is.EqualTo("-9223372036854775808ms"));
    }

    [Test]
    public void DecimalsConvertWhereTheyFit()
    {
        // 1.5 is coefficient 15 with exponent -1; the exponent is biased by 101, 398 and 6176.
        Assert.That(new Decimal32(100u << 23 | 15).ToString(), Is.EqualTo("1.5"));
        Assert.That(new Decimal64(397ul << 53 | 15).ToString(), Is.EqualTo("1.5"));
        Assert.That(new Decimal128(6175ul << 49, 15).ToString(), Is.EqualTo("1.5"));
        Assert.That(new Decimal32(1u << 31 | 103u << 23 | 2).ToString(), Is.EqualTo("-200"));
        Assert.That(new Decimal32(0x78000000).TryToDecimal(out _), Is.False, "infinity");
        Assert.That(new Decimal64(0x7c00000000000000).TryToDecimal(out _), Is.False, "NaN");
        Assert.That(new Decimal128(0x5ffe000000000000, 1).TryToDecimal(out _), Is.False, "beyond decimal");
        Assert.That(new Decimal128(0, 0).TryToDecimal(out var zero) && zero == 0, Is.True);
    }

    [Test]
    public void AMapKeepsItsOrderAndTellsTypesOfKeysApart()
    {
        var map = new AmqpMap { ["a"] = 1, [new Symbol("a")] = 2, [1] = 3, [1L] = 4, [new byte[] { 1 }] = 5 };
        Assert.That((map["a"], map[new Symbol("a")], map[1], map[1L], map[new byte[] { 1 }]), Is.EqualTo(((object)1, (object)2, (object)3, (object)4, (object)5)));
        Assert.That(map[2], Is.Null);
        Assert.That(map.TryAdd("a", 9), Is.False);
        Assert.Throws<ArgumentException>(() => map.Add("a", 9));
        Assert.That(map.Remove("a"), Is.True);
        Assert.That(map.Remove("a"), Is.False);
        Assert.That(map.EntryAt(0).Key, Is.EqualTo(new Symbol("a")));
        Assert.That(map.TryGetValue<int>(1, out var three) && three == 3, Is.True);
        Assert.That(map.TryGetValue<string>(1, out _), Is.False);
        Assert.That(map.Clone(), Is.EqualTo(map));
    }

    [Test]
    public void ALargeMapIsLookedUpLikeASmallOne()
    {
        var map = new AmqpMap();
        for (var i = 0; i < 1_000; i++)
        {
            map.Add($"key{i}", i);
        }

        map["key7"] = "seven";
        Assert.That((map["key7"], map["key999"], map["key1000"]), Is.EqualTo(((object)"seven", (object)999, (object?)null)));
        Assert.That(map.Remove("key0"), Is.True);
        Assert.That((map["key1"], map.Count, map.ContainsKey("key0")), Is.EqualTo(((object)1, 999, false)));
    }

    [Test]
    public void TheTextOfALargeValueIsBounded()
    {
        var list = Enumerable.Range(0, 10_000).Select(static i => (object?)new string('x', 10_000)).ToList();
        Assert.That(AmqpValue.ToString(list), Has.Length.LessThan(20_000));
    }

    [Test]
    public void DeliveryTagsHoldUpToThirtyTwoBytes()
    {
        var tag = new DeliveryTag(new byte[32]);
        Assert.That((tag.Length, tag == new DeliveryTag(new byte[32]), tag == new DeliveryTag(new byte[31])), Is.EqualTo((32, true, false)));
        Assert.That(tag.GetHashCode(), Is.EqualTo(new DeliveryTag(new byte[32]).GetHashCode()));
        Assert.That(DeliveryTag.FromUInt64(258).ToString(), Is.EqualTo("0000000000000102"));
        Assert.Throws<ArgumentException>(() => _ = new DeliveryTag(new byte[33]));
    }

    [Test]
    public void WhatHasNoAmqpTypeIsRefusedWithItsName()
    {
        using var buffer = new ByteBuffer();
        var failure = Assert.Throws<ArgumentException>(() => new AmqpWriter(buffer).WriteValue(new Version(1, 2)));
        Assert.That(failure!.Message, Does.Contain("System.Version"));
        Assert.Throws<ArgumentException>(() => _ = new AmqpArray(new object[] { 1 }));
        Assert.Throws<ArgumentException>(() => new AmqpWriter(buffer).WriteValue(new string?[] { "a", null }));
    }
}
