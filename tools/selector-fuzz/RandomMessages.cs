using System.Text;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;

namespace Mamba.Tools.SelectorFuzz;

/// <summary>Messages at random: any sections and fields, values of all types, every value in any of its encodings.</summary>
public sealed class RandomMessages(Random random)
{
    public MessageFacts Next()
    {
        using var buffer = new ByteBuffer();
        var writer = new VariedWriter(buffer, random);
        if (random.Next(2) == 0)
        {
            writer.Descriptor(0x72, "amqp:message-annotations:map");
            writer.Map(Entries(["x-opt-a", "x-opt-b", "x_opt_c", "other"], keysAreSymbols: true));
        }

        var annotationsLength = buffer.Length;
        if (random.Next(5) != 0)
        {
            writer.Descriptor(0x73, "amqp:properties:list");
            writer.List(Properties());
        }

        if (random.Next(6) != 0)
        {
            writer.Descriptor(0x74, "amqp:application-properties:map");
            writer.Map(Entries(RandomValues.Names, keysAreSymbols: false));
        }

        if (random.Next(8) != 0)
        {
            writer.Descriptor(0x75, "amqp:data:binary");
            writer.Value(new byte[random.Next(20)]);
        }

        var bytes = buffer.ToArray();
        return new MessageFacts(bytes, annotationsLength, AmqpMessage.Decode(bytes))
        {
            Durable = random.Next(2) == 0,
            Priority = (byte)random.Next(12),
            Ttl = random.Next(2) == 0 ? 0 : (uint)random.Next(100),
            ExpiresAt = random.Next(2) == 0 ? 0 : random.Next(200),
            DeliveryCount = (uint)(random.Next(3) == 0 ? random.Next(5) : 0),
            Now = random.Next(200),
        };
    }

    private List<KeyValuePair<object, object?>> Entries(string[] names, bool keysAreSymbols)
    {
        var entries = new List<KeyValuePair<object, object?>>();
        foreach (var name in names)
        {
            if (random.Next(3) != 0)
            {
                entries.Add(new(keysAreSymbols ? new Symbol(name) : (object)name, AnyValue()));
            }
        }

        if (random.Next(20) == 0)
        {
            entries.AddRange(Enumerable.Range(0, 60).Select(i => new KeyValuePair<object, object?>(keysAreSymbols ? new Symbol($"more{i}") : (object)$"more{i}", i)));
        }

        return entries;
    }

    private object?[] Properties()
    {
        object?[] fields =
        [
            Id(), Encoding.UTF8.GetBytes(RandomValues.Text(random)), RandomValues.Text(random), RandomValues.Text(random), RandomValues.Text(random), Id(),
            new Symbol("text/plain"), new Symbol("gzip"), new Timestamp(RandomValues.Long(random)), new Timestamp(random.Next(200)),
            RandomValues.Text(random), (uint)RandomValues.Long(random), RandomValues.Text(random),
        ];
        for (var i = 0; i < fields.Length; i++)
        {
            fields[i] = random.Next(3) == 0 ? null : fields[i];
        }

        return fields[..random.Next(fields.Length + 1)];
    }

    private object Id() => random.Next(6) switch
    {
        0 => (ulong)RandomValues.Long(random),
        1 => new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, (byte)random.Next(256)),
        2 => new byte[random.Next(random.Next(10) == 0 ? 300 : 4)],
        3 => "ID:" + RandomValues.Text(random),
        _ => RandomValues.Text(random),
    };

    private object? AnyValue() => random.Next(26) switch
    {
        0 => null,
        1 => true,
        2 => false,
        3 => (byte)RandomValues.Long(random),
        4 => (sbyte)RandomValues.Long(random),
        5 => (short)RandomValues.Long(random),
        6 => (ushort)RandomValues.Long(random),
        7 or 8 => (int)RandomValues.Long(random),
        9 => (uint)RandomValues.Long(random),
        10 or 11 => RandomValues.Long(random),
        12 => (ulong)RandomValues.Long(random),
        13 => (float)RandomValues.Double(random),
        14 => random.Next(8) == 0 ? double.NaN : RandomValues.Double(random),
        15 => new Timestamp(RandomValues.Long(random)),
        16 => new Rune(random.Next(2) == 0 ? 'a' : 0x1F600),
        17 => new Symbol("red"),
        18 => Encoding.UTF8.GetBytes("Bob"),
        19 => new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
        20 => random.Next(2) == 0 ? new Decimal32(0x32800000 + (uint)random.Next(1000)) : new Decimal64(0x31C0000000000000UL + (ulong)random.Next(1000)),
        21 => new List<object?> { 1, "a" },
        _ => RandomValues.Text(random),
    };
}
