from aws_cdk import TimeZone
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from stacks.capacity import Plan
from stacks.environments import ApiPlan, OfficeHours


class ApiScaling(Construct):
    """Scales a service by requests and CPU, within the limits of a plan, and to zero outside office hours.

    Both targets leave the same headroom. The policies do not conflict: the service grows as soon as one of them asks for
    it, and shrinks only when both do. The request count rises before the load does, and CPU covers unusually long calls.

    Args:
        service: the service to scale.
        target_group: the target group whose requests count; without one, the service scales on CPU only.
        plan: limits, and the requests that one task can handle.
        api: headroom, and office hours if the API has any.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        service: ecs.FargateService,
        target_group: elb.ApplicationTargetGroup | None,
        plan: Plan,
        api: ApiPlan,
    ) -> None:
        super().__init__(scope, construct_id)
        self._tasks = service.auto_scale_task_count(min_capacity=plan.api_min_tasks, max_capacity=plan.api_max_tasks)
        self._tasks.scale_on_cpu_utilization("Cpu", target_utilization_percent=round(100 / (1 + api.headroom)))
        if target_group:
            # Often below one: if a call takes a task eight minutes, one call a minute keeps ten tasks busy, with headroom.
            per_minute = float(f"{plan.api_requests_per_task_per_minute:.3g}")
            self._tasks.scale_on_request_count("Requests", requests_per_target=per_minute, target_group=target_group)
        if api.hours:
            self._keep(api.hours, plan)

    def _keep(self, hours: OfficeHours, plan: Plan) -> None:
        for name, at, least, most in (
            ("Open", hours.start, plan.api_min_tasks, plan.api_max_tasks),
            ("Close", hours.end, 0, 0),
        ):
            self._tasks.scale_on_schedule(
                name,
                schedule=autoscaling.Schedule.cron(
                    week_day=",".join(hours.days), hour=str(at.hour), minute=str(at.minute)
                ),
                time_zone=TimeZone.of(hours.time_zone),
                min_capacity=least,
                max_capacity=most,
            )
