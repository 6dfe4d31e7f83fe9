using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Dialects.Artemis;
using Mamba.Broker.Server.Dialects.ServiceBus;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security.Claims;

namespace Mamba.Broker.Server.Links;

// Links to and from the broker's own nodes, which answer requests.
internal sealed partial class LinkBinder
{
    /// <summary>Answers an attach to a node of the broker's own; false when it is about another.</summary>
    private async ValueTask<bool> TryBindDeskAsync(LinkEndpoint link, Attach attach)
    {
        var address = AddressOf(attach);
        if (ClaimsDesk.IsNode(address) && Server.Tokens is not null)
        {
            // Nobody's name is on it yet that another connection could take it over by.
            Bind(link, attach, address!, connection.ClaimsDesk);
            return true;
        }

        var isScheduler = attach.Role == Role.Sender && ClassicScheduler.IsAddress(address);
        if (!isScheduler && !HasDesk(address))
        {
            return false;
        }

        connection.CheckClaims(attach);
        await connection.StealLinkAsync(link, attach);
        if (IsAbandoned(link))
        {
            connection.ReleaseName(link);
        }
        else if (isScheduler)
        {
            Open((ReceiverEndpoint)link, attach, connection.Management.OpenScheduler((ReceiverEndpoint)link, CanReject(attach.Source)), (Target)attach.Target!);
        }
        else
        {
            Bind(link, attach, address!, DeskOf(address!));
        }

        return true;
    }

    /// <summary>The address at the broker's end; null where there is none, or it is to be made.</summary>
    public static string? AddressOf(Attach attach) => attach.Role == Role.Sender
        ? attach.Target is Target { Dynamic: false } target ? target.Address : null
        : attach.Source is { Dynamic: false } source ? source.Address : null;

    private bool HasDesk(string? address) =>
        ManagementDesk.IsNode(address) || ArtemisDesk.IsNode(address) || (connection.ServiceBus is not null && EntityAddress.Managed(address) is not null);

    private RequestDesk DeskOf(string address) =>
        ArtemisDesk.IsNode(address) ? connection.Artemis : connection.ServiceBus?.DeskOf(address) ?? (RequestDesk)connection.Management;

    private void Bind(LinkEndpoint link, Attach attach, string address, RequestDesk desk)
    {
        if (link is ReceiverEndpoint requests)
        {
            Open(requests, attach, desk.OpenRequests(requests, CanReject(attach.Source)), new Target { Address = address });
        }
        else
        {
            Adopt(link, desk.OpenReplies((SenderEndpoint)link, attach));
            link.Attach(ReplyToReceiver(attach, new Source { Address = address, Outcomes = AllOutcomes }));
        }
    }

    private void Open(ReceiverEndpoint link, Attach attach, RequestLink handler, Target target)
    {
        Adopt(link, handler);
        var reply = ReplyToSender(attach, new Target { Address = target.Address, Capabilities = target.Capabilities });
        reply.MaxMessageSize = handler.Desk.MaxRequestBytes;
        link.Attach(reply);
        handler.Open();
    }
}
