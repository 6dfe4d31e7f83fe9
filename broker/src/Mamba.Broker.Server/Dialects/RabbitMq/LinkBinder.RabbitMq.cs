using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Dialects.RabbitMq;
using Mamba.Broker.Server.Management;

namespace Mamba.Broker.Server.Links;

/// <content>Links of RabbitMQ's clients: the halves of link pairs, and addresses of version 2.</content>
internal sealed partial class LinkBinder
{
    private void BindPairedRequests(ReceiverEndpoint link, Attach attach, Target target)
    {
        Adopt(link, connection.LinkPairs.OpenRequests(link, attach, CanReject(attach.Source)));
        var reply = ReplyToSender(attach, new Target { Address = target.Address });
        reply.MaxMessageSize = ManagementNode.MaxRequestBytes;
        reply.Properties = attach.Properties;
        link.Attach(reply);
        ((PairedRequestLink)link.Tag!).Open();
    }

    private void BindPairedReplies(SenderEndpoint link, Attach attach)
    {
        Adopt(link, connection.LinkPairs.OpenReplies(link, attach));
        var reply = ReplyToReceiver(attach, new Source { Address = LinkPairs.Address, Outcomes = AllOutcomes });
        reply.SndSettleMode = SenderSettleMode.Settled;
        reply.Properties = attach.Properties;
        link.Attach(reply);
    }

    /// <summary>The node of an address of version 2; nothing is made there by attaching.</summary>
    private IMessageNode ResolveRabbitMq(string address, LinkEndpoint link)
    {
        var parsed = RabbitMqAddress.Parse(address)
            ?? throw new LinkRefusedException(RabbitMqAddress.Bad(address, ErrorCondition.InvalidField));
        if (link is not SenderEndpoint)
        {
            return parsed.FindTarget(Server, connection.Access) ?? throw new LinkRefusedException(parsed.NotFound());
        }

        var isCopy = link.RemoteAttach!.Source!.DistributionMode == DistributionMode.Copy;
        return parsed.FindSource(Server, connection.Access, isCopy) ?? throw new LinkRefusedException(parsed.NotFound());
    }
}
