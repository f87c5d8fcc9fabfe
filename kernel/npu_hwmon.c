// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* hwmon "npu": temp1_input, power1_average, power1_cap, energy1_input, freq1_input. */
#include <linux/hwmon.h>
#include <linux/sysfs.h>

#include "npu_device.h"
#include "npu_hwmon.h"
#include "npu_telemetry.h"

static umode_t npu_hwmon_is_visible(const void *data, enum hwmon_sensor_types type, u32 attr,
				    int channel)
{
	return 0444;
}

static int npu_hwmon_read(struct device *dev, enum hwmon_sensor_types type, u32 attr, int channel,
			  long *value)
{
	struct npu_device *ndev = dev_get_drvdata(dev);
	struct npu_telemetry t;
	int ret = npu_telemetry_get(ndev, &t, NULL);

	if (ret)
		return ret;
	if (type == hwmon_temp && attr == hwmon_temp_input)
		*value = t.temperature_mc;
	else if (type == hwmon_power && attr == hwmon_power_average)
		*value = t.power_mw * 1000L;	/* microwatt */
	else if (type == hwmon_power && attr == hwmon_power_cap)
		*value = t.power_cap_mw * 1000L;
	else if (type == hwmon_energy && attr == hwmon_energy_input)
		*value = t.energy_uj;
	else
		return -EOPNOTSUPP;
	return 0;
}

static int npu_hwmon_read_string(struct device *dev, enum hwmon_sensor_types type, u32 attr,
				 int channel, const char **text)
{
	*text = type == hwmon_temp ? "card" : "tensor engines, copy engines and memory";
	return 0;
}

static const struct hwmon_ops npu_hwmon_ops = {
	.is_visible = npu_hwmon_is_visible,
	.read = npu_hwmon_read,
	.read_string = npu_hwmon_read_string,
};

static const struct hwmon_channel_info * const npu_hwmon_channels[] = {
	HWMON_CHANNEL_INFO(temp, HWMON_T_INPUT | HWMON_T_LABEL),
	HWMON_CHANNEL_INFO(power, HWMON_P_AVERAGE | HWMON_P_CAP | HWMON_P_LABEL),
	HWMON_CHANNEL_INFO(energy, HWMON_E_INPUT | HWMON_E_LABEL),
	NULL
};

static const struct hwmon_chip_info npu_hwmon_chip = {
	.ops = &npu_hwmon_ops,
	.info = npu_hwmon_channels,
};

/* hwmon knows no frequencies; the name is the one that other drivers use. */
static ssize_t freq1_input_show(struct device *dev, struct device_attribute *attr, char *buffer)
{
	struct npu_device *ndev = dev_get_drvdata(dev);
	struct npu_telemetry t;
	int ret = npu_telemetry_get(ndev, &t, NULL);

	if (ret)
		return ret;
	return sysfs_emit(buffer, "%llu\n", t.clock_mhz * 1000000ULL);
}
static DEVICE_ATTR_RO(freq1_input);

static struct attribute *npu_hwmon_attrs[] = {
	&dev_attr_freq1_input.attr,
	NULL
};
ATTRIBUTE_GROUPS(npu_hwmon);

int npu_hwmon_init(struct npu_device *ndev)
{
	struct device *hwmon;

	if (!IS_REACHABLE(CONFIG_HWMON))
		return 0;
	hwmon = devm_hwmon_device_register_with_info(&ndev->pdev->dev, "npu", ndev,
						     &npu_hwmon_chip, npu_hwmon_groups);
	return PTR_ERR_OR_ZERO(hwmon);
}
