package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/awslabs/operatorpkg/serrors"
	"github.com/go-logr/zapr"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/controllers/nodeoverlay"
	"sigs.k8s.io/karpenter/pkg/events"
	"sigs.k8s.io/karpenter/pkg/operator"
	"sigs.k8s.io/karpenter/pkg/operator/injection"
	"sigs.k8s.io/karpenter/pkg/operator/logging"
	"sigs.k8s.io/karpenter/pkg/operator/options"
	"sigs.k8s.io/karpenter/pkg/state/prediction"
)

// Options are the flags that this program has beside Karpenter's own.
type Options struct {
	Machines     string
	Faults       string
	Reservations string
}

type optionsKey struct{}

func init() {
	options.Injectables = append(options.Injectables, &Options{})
}

func (o *Options) AddFlags(flags *options.FlagSet) {
	flags.StringVar(&o.Machines, "machines", "", "JSON file with the machine types on offer")
	flags.StringVar(&o.Faults, "faults", "", "YAML file with lacks of capacity, read at every use")
	flags.StringVar(&o.Reservations, "reservations", "", "YAML file with what is reserved, read at every use")
}

func (o *Options) Parse(flags *options.FlagSet, arguments ...string) error {
	if err := flags.Parse(arguments); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(0)
		}
		return err
	}
	return nil
}

func (o *Options) ToContext(ctx context.Context) context.Context {
	return context.WithValue(ctx, optionsKey{}, o)
}

func optionsFrom(ctx context.Context) *Options {
	return ctx.Value(optionsKey{}).(*Options)
}

// NewOperator does what Karpenter's operator.NewOperator does, except that nothing listens beyond loopback, metrics are
// off, and the leader is never elected: one Karpenter runs in a sandbox.
func NewOperator(ctx context.Context) (*operator.Operator, error) {
	logger := serrors.NewLogger(zapr.NewLogger(logging.NewLogger(ctx, "controller")))
	log.SetLogger(logger)
	klog.SetLogger(logger)
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	flags := options.FromContext(ctx)
	config.QPS, config.Burst = float32(flags.KubeClientQPS), flags.KubeClientBurst
	config.UserAgent = operator.AppName
	leases := cache.ByObject{Field: fields.OneTermEqualSelector("metadata.namespace", corev1.NamespaceNodeLease)}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Logger:                 logging.IgnoreDebugEvents(logger),
		Metrics:                server.Options{BindAddress: "0"},
		HealthProbeBindAddress: fmt.Sprintf("127.0.0.1:%d", flags.HealthProbePort),
		BaseContext: func() context.Context {
			return injection.WithOptionsOrDie(log.IntoContext(context.Background(), logger), options.Injectables...)
		},
		Cache: cache.Options{ByObject: map[client.Object]cache.ByObject{&coordinationv1.Lease{}: leases}},
	})
	if err != nil {
		return nil, err
	}
	if err := index(ctx, manager); err != nil {
		return nil, err
	}
	if err := check(manager); err != nil {
		return nil, err
	}
	kube, err := kubernetes.NewForConfig(config)
	return &operator.Operator{
		Manager:             manager,
		KubernetesInterface: kube,
		EventRecorder:       events.NewRecorder(manager.GetEventRecorderFor(operator.AppName)), //nolint:staticcheck // as upstream
		Clock:               clock.RealClock{},
		InstanceTypeStore:   nodeoverlay.NewInstanceTypeStore(),
		PredictionStore:     prediction.NewStore(),
	}, err
}

func check(manager ctrl.Manager) error {
	synced := func(request *http.Request) error {
		if !manager.GetCache().WaitForCacheSync(request.Context()) {
			return errors.New("failed to sync caches")
		}
		return nil
	}
	if err := manager.AddReadyzCheck("manager", synced); err != nil {
		return err
	}
	return manager.AddHealthzCheck("healthz", healthz.Ping)
}

// index makes the fields that Karpenter's controllers look objects up by.
func index(ctx context.Context, manager ctrl.Manager) error {
	of := func(pick func(client.Object) string) client.IndexerFunc {
		return func(object client.Object) []string { return []string{pick(object)} }
	}
	claim := func(object client.Object) *v1.NodeClassReference { return object.(*v1.NodeClaim).Spec.NodeClassRef }
	pool := func(object client.Object) *v1.NodeClassReference {
		return object.(*v1.NodePool).Spec.Template.Spec.NodeClassRef
	}
	for _, row := range []struct {
		object client.Object
		field  string
		pick   func(client.Object) string
	}{
		{&corev1.Pod{}, "spec.nodeName", func(o client.Object) string { return o.(*corev1.Pod).Spec.NodeName }},
		{&corev1.Node{}, "spec.providerID", func(o client.Object) string { return o.(*corev1.Node).Spec.ProviderID }},
		{&storagev1.VolumeAttachment{}, "spec.nodeName", func(o client.Object) string { return o.(*storagev1.VolumeAttachment).Spec.NodeName }},
		{&v1.NodeClaim{}, "status.providerID", func(o client.Object) string { return o.(*v1.NodeClaim).Status.ProviderID }},
		{&v1.NodeClaim{}, "spec.nodeClassRef.group", func(o client.Object) string { return claim(o).Group }},
		{&v1.NodeClaim{}, "spec.nodeClassRef.kind", func(o client.Object) string { return claim(o).Kind }},
		{&v1.NodeClaim{}, "spec.nodeClassRef.name", func(o client.Object) string { return claim(o).Name }},
		{&v1.NodePool{}, "spec.template.spec.nodeClassRef.group", func(o client.Object) string { return pool(o).Group }},
		{&v1.NodePool{}, "spec.template.spec.nodeClassRef.kind", func(o client.Object) string { return pool(o).Kind }},
		{&v1.NodePool{}, "spec.template.spec.nodeClassRef.name", func(o client.Object) string { return pool(o).Name }},
	} {
		if err := manager.GetFieldIndexer().IndexField(ctx, row.object, row.field, of(row.pick)); err != nil {
			return fmt.Errorf("indexing %s, %w", row.field, err)
		}
	}
	return nil
}
