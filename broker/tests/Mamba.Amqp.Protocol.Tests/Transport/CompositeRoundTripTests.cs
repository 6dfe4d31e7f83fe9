using System.Reflection;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Tests.Transport;

/// <summary>Every generated composite: all fields set, none set but the mandatory ones, and both forms of the descriptor.</summary>
public sealed class CompositeRoundTripTests
{
    public delegate object Reader(ref AmqpReader reader);

    private static readonly (Type Type, Reader Read)[] Composites =
    [
        (typeof(Open), static (ref r) => Open.Read(ref r)),
        (typeof(Begin), static (ref r) => Begin.Read(ref r)),
        (typeof(Attach), static (ref r) => Attach.Read(ref r)),
        (typeof(Flow), static (ref r) => Flow.Read(ref r)),
        (typeof(Transfer), static (ref r) => Transfer.Read(ref r)),
        (typeof(Disposition), static (ref r) => Disposition.Read(ref r)),
        (typeof(Detach), static (ref r) => Detach.Read(ref r)),
        (typeof(End), static (ref r) => End.Read(ref r)),
        (typeof(Close), static (ref r) => Close.Read(ref r)),
        (typeof(AmqpError), static (ref r) => AmqpError.Read(ref r)),
        (typeof(MessageProperties), static (ref r) => MessageProperties.Read(ref r)),
        (typeof(Received), static (ref r) => Received.Read(ref r)),
        (typeof(Accepted), static (ref r) => Accepted.Read(ref r)),
        (typeof(Rejected), static (ref r) => Rejected.Read(ref r)),
        (typeof(Released), static (ref r) => Released.Read(ref r)),
        (typeof(Modified), static (ref r) => Modified.Read(ref r)),
        (typeof(Source), static (ref r) => Source.Read(ref r)),
        (typeof(Target), static (ref r) => Target.Read(ref r)),
        (typeof(Coordinator), static (ref r) => Coordinator.Read(ref r)),
        (typeof(Declare), static (ref r) => Declare.Read(ref r)),
        (typeof(Discharge), static (ref r) => Discharge.Read(ref r)),
        (typeof(Declared), static (ref r) => Declared.Read(ref r)),
        (typeof(TransactionalState), static (ref r) => TransactionalState.Read(ref r)),
        (typeof(SaslMechanisms), static (ref r) => SaslMechanisms.Read(ref r)),
        (typeof(SaslInit), static (ref r) => SaslInit.Read(ref r)),
        (typeof(SaslChallenge), static (ref r) => SaslChallenge.Read(ref r)),
        (typeof(SaslResponse), static (ref r) => SaslResponse.Read(ref r)),
        (typeof(SaslOutcome), static (ref r) => SaslOutcome.Read(ref r)),
    ];

    public static IEnumerable<TestCaseData> Cases =>
        Composites.Select(static c => new TestCaseData(c.Type, c.Read).SetArgDisplayNames(c.Type.Name));

    [Test]
    public void AllGeneratedCompositesAreHere()
    {
        var generated = typeof(Open).Assembly.GetTypes().Where(static t =>
            !t.IsAbstract && t != typeof(MessageHeader) && t.GetField("Descriptor", BindingFlags.Public | BindingFlags.Static) is { IsLiteral: true });
        Assert.That(generated, Is.EquivalentTo(Composites.Select(static c => c.Type)));
    }

    [TestCaseSource(nameof(Cases))]
    public void WithAllFields(Type type, Reader read) => AssertSurvives(Filled(type), read);

    [TestCaseSource(nameof(Cases))]
    public void WithMandatoryFieldsOnly(Type type, Reader read) => AssertSurvives(Blank(type), read);

    [TestCaseSource(nameof(Cases))]
    public void WithTheDescriptorAsSymbolAndAsWideULong(Type type, Reader read)
    {
        var bytes = Encode(Filled(type));
        var code = bytes[2];
        var symbol = DescriptorSymbol(code);
        using var buffer = new ByteBuffer();
        buffer.WriteByte(FormatCode.Described);
        new AmqpWriter(buffer).WriteSymbol(symbol);
        buffer.Write(bytes.AsSpan(3));
        Assert.That(Decode(buffer.ToArray(), read).ToString(), Is.EqualTo(Filled(type).ToString()), symbol.Value);

        byte[] wide = [0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, code, .. bytes[3..]];
        Assert.That(Decode(wide, read).ToString(), Is.EqualTo(Filled(type).ToString()));
    }

    [TestCaseSource(nameof(Cases))]
    public void CutAnywhereIsRefused(Type type, Reader read)
    {
        var bytes = Encode(Filled(type));
        for (var length = 0; length < bytes.Length; length++)
        {
            var cut = bytes[..length];
            Assert.Throws<AmqpException>(() => Decode(cut, read), $"cut to {length} bytes");
        }
    }

    [Test]
    public void DefaultsAreThoseOfTheSpecification()
    {
        var open = new Open { ContainerId = "c" };
        var attach = new Attach { Name = "l" };
        var source = new Source();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(open.MaxFrameSize, Is.EqualTo(4294967295));
            Assert.That(open.ChannelMax, Is.EqualTo(65535));
            Assert.That(open.IdleTimeOut, Is.Null);
            Assert.That(new Begin().HandleMax, Is.EqualTo(4294967295));
            Assert.That(attach.SndSettleMode, Is.EqualTo(SenderSettleMode.Mixed));
            Assert.That(attach.RcvSettleMode, Is.EqualTo(ReceiverSettleMode.First));
            Assert.That(source.Durable, Is.EqualTo(TerminusDurability.None));
            Assert.That(source.ExpiryPolicy, Is.EqualTo(TerminusExpiryPolicy.SessionEnd));
            Assert.That(source.Timeout, Is.Zero);
        }
    }

    [Test]
    public void TheErrorConditionsAreThoseOfTheContract()
    {
        var symbols = typeof(ErrorCondition).GetFields().Select(static f => ((Symbol)f.GetValue(null)!).Value);
        Assert.That(symbols, Is.EquivalentTo(new[]
        {
            "amqp:internal-error", "amqp:not-found", "amqp:unauthorized-access", "amqp:decode-error", "amqp:resource-limit-exceeded",
            "amqp:not-allowed", "amqp:invalid-field", "amqp:not-implemented", "amqp:resource-locked", "amqp:precondition-failed",
            "amqp:resource-deleted", "amqp:illegal-state", "amqp:frame-size-too-small",
            "amqp:connection:forced", "amqp:connection:framing-error", "amqp:connection:redirect",
            "amqp:session:window-violation", "amqp:session:errant-link", "amqp:session:handle-in-use", "amqp:session:unattached-handle",
            "amqp:link:detach-forced", "amqp:link:transfer-limit-exceeded", "amqp:link:message-size-exceeded", "amqp:link:redirect", "amqp:link:stolen",
            "amqp:transaction:unknown-id", "amqp:transaction:rollback", "amqp:transaction:timeout",
        }));
    }

    private static void AssertSurvives(object value, Reader read)
    {
        var bytes = Encode(value);
        var decoded = Decode(bytes, read);
        Assert.That(decoded.ToString(), Is.EqualTo(value.ToString()));
        Assert.That(Encode(decoded), Is.EqualTo(bytes));
    }

    private static byte[] Encode(object value)
    {
        using var buffer = new ByteBuffer();
        ((IAmqpEncodable)value).Write(new AmqpWriter(buffer));
        return buffer.ToArray();
    }

    private static object Decode(byte[] bytes, Reader read)
    {
        var reader = new AmqpReader(bytes);
        var value = read(ref reader);
        Assert.That(reader.AtEnd, Is.True);
        return value;
    }

    private static object Blank(Type type) =>
        type.GetField("Instance")?.GetValue(null) ?? Activator.CreateInstance(type)!;

    private static object Filled(Type type)
    {
        var value = Blank(type);
        foreach (var property in type.GetProperties().Where(static p => p.CanWrite))
        {
            property.SetValue(value, Sample(property));
        }

        return value;
    }

    private static object Sample(PropertyInfo property) => (Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) switch
    {
        var t when t == typeof(string) => property.Name,
        var t when t == typeof(bool) => true,
        var t when t == typeof(ushort) => (ushort)77,
        var t when t == typeof(uint) => 70_000u,
        var t when t == typeof(ulong) => 1ul << 40,
        var t when t == typeof(byte[]) => new byte[] { 1, 2, 3 },
        var t when t == typeof(Symbol) => new Symbol(property.Name),
        var t when t == typeof(Symbol[]) => new Symbol[] { "first", "second" },
        var t when t == typeof(Timestamp) => new Timestamp(1_700_000_000_000),
        var t when t == typeof(AmqpMap) => new AmqpMap { [new Symbol("key")] = "value" },
        var t when t == typeof(AmqpError) => new AmqpError(ErrorCondition.NotFound, "no such queue", new AmqpMap { [new Symbol("queue")] = "q" }),
        var t when t == typeof(DeliveryTag) => new DeliveryTag([9, 8, 7]),
        var t when t == typeof(Source) => new Source { Address = "q" },
        var t when t == typeof(ITarget) => new Coordinator { Capabilities = [TransactionCapability.LocalTransactions] },
        var t when t == typeof(Outcome) => new Modified { DeliveryFailed = true },
        var t when t == typeof(DeliveryState) => new TransactionalState { TxnId = [1], Outcome = Accepted.Instance },
        var t when t == typeof(object) => Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"),
        { IsEnum: true } t => Enum.GetValues(t).GetValue(1)!,
        var t => throw new InvalidOperationException($"no sample for {t}"),
    };

    private static Symbol DescriptorSymbol(byte code)
    {
        var name = DescriptorCode.NameOf(code);
        Symbol symbol = $"amqp:{name}:list";
        Assert.That(DescriptorCode.FromSymbol(System.Text.Encoding.ASCII.GetBytes(symbol.Value)), Is.EqualTo((ulong)code));
        return symbol;
    }
}
