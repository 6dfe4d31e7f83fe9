using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Sasl;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Connections;

// The SASL exchange: the policy may take its time (a key derivation), off the turn.
internal sealed partial class AmqpConnection
{
    private SaslExchange? _exchange;
    private string _mechanism = string.Empty;

    void IConnectionHandler.OnSaslInit(string mechanism, ReadOnlySpan<byte> initialResponse, string? hostname)
    {
        _mechanism = mechanism;
        _exchange = _server.Authenticator.Begin(mechanism, Listener);
        _ = StepAsync(_exchange, initialResponse.ToArray());
    }

    void IConnectionHandler.OnSaslResponse(ReadOnlySpan<byte> response) => _ = StepAsync(_exchange!, response.ToArray());

    void IConnectionHandler.OnSaslOutcome(SaslCode code)
    {
        // Only a client is told outcomes.
    }

    private async Task StepAsync(SaslExchange exchange, byte[] response)
    {
        SaslStep step;
        try
        {
            step = await exchange.StepAsync(response, _server.Stopping);
        }
        catch (Exception e)
        {
            ServerLog.ConnectionFault(_server.Logger, e, Id);
            step = new SaslStep.Failure(SaslFailureCode.SysTemp);
        }

        Post(() =>
        {
            if (!_broken)
            {
                Apply(step);
            }
        });
    }

    private void Apply(SaslStep step)
    {
        switch (step)
        {
            case SaslStep.Challenge challenge:
                _protocol.SaslChallenge(challenge.Data.Span);
                break;
            case SaslStep.Success success:
                Principal = success.Principal;
                _exchange = null;
                _protocol.SaslOutcome(SaslCode.Ok, success.AdditionalData.IsEmpty ? null : success.AdditionalData.ToArray());
                break;
            case SaslStep.Failure failure:
                ServerLog.AuthenticationRefused(_server.Logger, _mechanism, Listener.Remote.ToString());
                _breakCause ??= $"authentication by {_mechanism} refused";
                _protocol.SaslOutcome((SaslCode)failure.Code);
                break;
        }

        // What the peer sent meanwhile is waiting in the buffer.
        Consume();
        Signal();
    }
}
