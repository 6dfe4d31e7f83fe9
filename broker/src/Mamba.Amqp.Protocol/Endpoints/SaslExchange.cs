using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Endpoints;

/// <summary>
/// The SASL layer of one connection (AMQP 1.0 §5.3):
/// <code>
///   server: mechanisms ->          (challenge ->)*          outcome ->
///   client:            &lt;- init     (       &lt;- response)*
/// </code>
/// The server's owner computes the answers, now or later; the client's mechanism does so itself.
/// </summary>
internal sealed class SaslExchange(ConnectionEngine engine)
{
    private ISaslClientMechanism? _mechanism;
    private int _frames;
    private bool _isInitiated;

    /// <summary>Whether a step of the client waits for the server's owner.</summary>
    public bool IsAwaitingOwner { get; private set; }

    /// <summary>Server: offers the mechanisms.</summary>
    public void Offer()
    {
        var offered = engine.Settings.OfferedSaslMechanisms;
        var symbols = new Symbol[offered.Count];
        for (var i = 0; i < symbols.Length; i++)
        {
            symbols[i] = offered[i];
        }

        FrameWriter.WriteSasl(engine.Output, new SaslMechanisms { SaslServerMechanisms = symbols });
    }

    /// <summary>Server: answers with a challenge.</summary>
    public void Challenge(byte[] challenge)
    {
        if (TakeTurn())
        {
            FrameWriter.WriteSasl(engine.Output, new SaslChallenge { Challenge = challenge });
        }
    }

    /// <summary>Server: ends the exchange.</summary>
    public void End(SaslCode code, byte[]? additionalData)
    {
        if (!TakeTurn())
        {
            return;
        }

        FrameWriter.WriteSasl(engine.Output, new SaslOutcome { Code = code, AdditionalData = additionalData });
        if (code == SaslCode.Ok)
        {
            engine.OnSaslDone();
        }
        else
        {
            engine.Break();
        }
    }

    /// <summary>Takes in the body of a SASL frame.</summary>
    public void Receive(ReadOnlySpan<byte> body)
    {
        if (++_frames > engine.Settings.MaxSaslFrames)
        {
            throw Refused($"More than {engine.Settings.MaxSaslFrames} SASL frames came in one exchange.");
        }

        var reader = new AmqpReader(body, engine.Settings.DecodeLimits);
        var code = reader.ReadDescriptor();
        if (engine.Settings.IsServer)
        {
            ReceiveFromClient(code, ref reader);
        }
        else
        {
            ReceiveFromServer(code, ref reader);
        }
    }

    private void ReceiveFromClient(ulong code, ref AmqpReader reader)
    {
        switch (code)
        {
            case DescriptorCode.SaslInit when !_isInitiated:
                OnInit(SaslInit.ReadFields(ref reader));
                break;
            case DescriptorCode.SaslResponse when _isInitiated:
                IsAwaitingOwner = true;
                engine.Handler.OnSaslResponse(SaslResponse.ReadFields(ref reader).Response);
                break;
            default:
                throw Refused($"A {DescriptorCode.NameOf(code)} does not belong here in the SASL exchange.");
        }
    }

    private void OnInit(SaslInit init)
    {
        _isInitiated = true;
        IsAwaitingOwner = true;
        foreach (var offered in engine.Settings.OfferedSaslMechanisms)
        {
            if (string.Equals(offered, init.Mechanism.Value, StringComparison.Ordinal))
            {
                engine.Handler.OnSaslInit(offered, init.InitialResponse, init.Hostname);
                return;
            }
        }

        End(SaslCode.Auth, additionalData: null);
        engine.ReportFailure(Refused($"The client chose the SASL mechanism '{init.Mechanism}', which is not offered."));
    }

    private void ReceiveFromServer(ulong code, ref AmqpReader reader)
    {
        try
        {
            switch (code)
            {
                case DescriptorCode.SaslMechanisms when _mechanism is null:
                    Choose(SaslMechanisms.ReadFields(ref reader).SaslServerMechanisms);
                    break;
                case DescriptorCode.SaslChallenge when _mechanism is not null:
                    var response = _mechanism.Respond(SaslChallenge.ReadFields(ref reader).Challenge);
                    FrameWriter.WriteSasl(engine.Output, new SaslResponse { Response = response });
                    break;
                case DescriptorCode.SaslOutcome when _mechanism is not null:
                    OnOutcome(SaslOutcome.ReadFields(ref reader));
                    break;
                default:
                    throw Refused($"A {DescriptorCode.NameOf(code)} does not belong here in the SASL exchange.");
            }
        }
        catch (SaslException failure)
        {
            throw new AmqpException(
                new AmqpError(ErrorCondition.UnauthorizedAccess, failure.Message), AmqpErrorScope.Connection, failure);
        }
    }

    private void Choose(Symbol[] offered)
    {
        foreach (var mechanism in engine.Settings.SaslClientMechanisms)
        {
            if (Array.Exists(offered, symbol => string.Equals(symbol.Value, mechanism.Name, StringComparison.Ordinal)))
            {
                _mechanism = mechanism;
                FrameWriter.WriteSasl(
                    engine.Output,
                    new SaslInit { Mechanism = mechanism.Name, InitialResponse = mechanism.Start(), Hostname = engine.Settings.SaslHostname });
                return;
            }
        }

        throw Refused($"The server offers {string.Join(", ", offered)}, and we can do none of them; allow one of them, or give the credentials it needs.");
    }

    private void OnOutcome(SaslOutcome outcome)
    {
        if (outcome.Code == SaslCode.Ok)
        {
            _mechanism!.Complete(outcome.AdditionalData);
            engine.OnSaslDone();
        }
        else
        {
            engine.Break();
        }

        engine.Handler.OnSaslOutcome(outcome.Code);
    }

    private bool TakeTurn()
    {
        if (engine.IsClosed)
        {
            return false;
        }

        if (!IsAwaitingOwner)
        {
            throw new InvalidOperationException("No SASL step of the client waits for an answer; answer each OnSaslInit and OnSaslResponse once.");
        }

        IsAwaitingOwner = false;
        return true;
    }

    private static AmqpException Refused(string why) => EndpointErrors.Connection(ErrorCondition.UnauthorizedAccess, why);
}
