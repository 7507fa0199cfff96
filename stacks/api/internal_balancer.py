from functools import cached_property

from aws_cdk import Duration
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

from stacks.api.web_acl import BalancerWebAcl
from stacks.environments import Environment
from stacks.network.task_network import TaskNetwork
from stacks.shared.acknowledge import acknowledge
from stacks.shared.encryption import customer_key
from stacks.shared.handover import published
from stacks.shared.private_bucket import PrivateBucket

# The response to requests that no rule of a listener matches.
NOTHING_HERE = elb.ListenerAction.fixed_response(404)


class InternalBalancer(Construct):
    """A load balancer that only the network and the clients of an environment can reach.

    Attributes:
        load_balancer: logs every request and drops invalid headers.
        listener: HTTPS, with a redirect from plain HTTP; or plain HTTP only.
        url: base URL of the API.
    """

    def __init__(self, scope: Construct, construct_id: str, *, network: TaskNetwork, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self._environment = environment
        self.load_balancer = elb.ApplicationLoadBalancer(
            self,
            "LoadBalancer",
            vpc=network.vpc,
            vpc_subnets=network.balancer_subnets,
            internet_facing=False,
            drop_invalid_header_fields=True,
            idle_timeout=Duration.seconds(environment.api_settings.idle_timeout_seconds),
            deletion_protection=environment.production,
        )
        logs = PrivateBucket(self, "AccessLogs", expire_days=environment.access_log_days, retain=environment.production)
        acknowledge(logs, rule="S1", reason="it contains access logs itself; logging access to logs would never end")
        self.load_balancer.log_access_logs(logs)
        self.listener = self._https() if environment.tls else self._http()
        listeners = [self.listener]
        if environment.tls:
            listeners.append(self.load_balancer.add_redirect(open=False))
        for listener in listeners:
            for cidr in environment.network.admitted:
                listener.connections.allow_default_port_from(ec2.Peer.ipv4(cidr))
            for group in environment.network.client_groups:
                listener.connections.allow_default_port_from(ec2.Peer.security_group_id(group))
        if rules := environment.api.web_acl:
            BalancerWebAcl(
                self,
                "WebAcl",
                load_balancer=self.load_balancer,
                rules=rules,
                prefix=environment.prefix,
                log_retention=environment.log_retention,
                log_key=customer_key(self, environment=environment),
            )
        host = self._named() if environment.api.subdomain else self.load_balancer.load_balancer_dns_name
        self.url = f"{'https' if environment.tls else 'http'}://{host}"

    def _https(self) -> elb.ApplicationListener:
        return self.load_balancer.add_listener(
            "Listener",
            port=443,
            certificates=[elb.ListenerCertificate.from_arn(self._certificate_arn())],
            # TLS 1.3 and 1.2 with forward secrecy and authenticated ciphers only; post-quantum key exchange if the client can.
            ssl_policy=elb.SslPolicy.TLS13_12_RES_PQ,
            default_action=NOTHING_HERE,
            open=False,
        )

    def _certificate_arn(self) -> str:
        """The certificate that is given, issued here, or known to the account, in this order."""
        api = self._environment.api
        if not api.issue_certificate:
            return api.certificate_arn or self._published("certificate-arn")
        # CloudFormation adds the record to the zone, and waits until ACM has found it in the public DNS.
        validation = acm.CertificateValidation.from_dns(self._zone)
        return acm.Certificate(self, "Certificate", domain_name=self._name, validation=validation).certificate_arn

    def _http(self) -> elb.ApplicationListener:
        return self.load_balancer.add_listener("Listener", port=80, default_action=NOTHING_HERE, open=False)

    @cached_property
    def _zone(self) -> route53.IHostedZone:
        """The account's hosted zone."""
        return route53.HostedZone.from_hosted_zone_attributes(
            self,
            "Zone",
            hosted_zone_id=self._published("hosted-zone-id"),
            zone_name=self._published("hosted-zone-name"),
        )

    @property
    def _name(self) -> str:
        """The API's name in the hosted zone."""
        return f"{self._environment.api.subdomain}.{self._zone.zone_name}"

    def _named(self) -> str:
        """Add an alias record in the hosted zone, and return its name."""
        alias = route53.RecordTarget.from_alias(targets.LoadBalancerTarget(self.load_balancer))
        route53.ARecord(self, "Name", zone=self._zone, record_name=self._environment.api.subdomain, target=alias)
        return self._name

    def _published(self, name: str) -> str:
        return published(self, path=self._environment.parameter(name))

    @property
    def errors(self) -> cloudwatch.MathExpression:
        """Responses with status 5xx per minute, from tasks and from the load balancer itself."""
        return cloudwatch.MathExpression(
            expression="FILL(targets, 0) + FILL(balancer, 0)",
            using_metrics={
                "targets": self.metric("HTTPCode_Target_5XX_Count", cloudwatch.Stats.SUM),
                "balancer": self.metric("HTTPCode_ELB_5XX_Count", cloudwatch.Stats.SUM),
            },
            period=Duration.minutes(1),
            label="5xx",
        )

    @property
    def error_share(self) -> cloudwatch.MathExpression:
        """Share of requests per minute that tasks answered with 5xx."""
        return cloudwatch.MathExpression(
            expression="IF(requests > 0, FILL(errors, 0) / requests, 0)",
            using_metrics={
                "errors": self.metric("HTTPCode_Target_5XX_Count", cloudwatch.Stats.SUM),
                "requests": self.metric("RequestCount", cloudwatch.Stats.SUM),
            },
            period=Duration.minutes(1),
            label="5xx share",
        )

    def metric(self, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
        """A metric of the load balancer by its CloudWatch name, per minute."""
        # The library's metrics split the listener's ARN, which cfn-lint rejects across stacks.
        return cloudwatch.Metric(
            namespace="AWS/ApplicationELB",
            metric_name=name,
            dimensions_map={"LoadBalancer": self.load_balancer.load_balancer_full_name, **dimensions},
            statistic=statistic,
            period=Duration.minutes(1),
        )
