/*
 * The Vulkan instance, and the messenger through which the validation layer
 * tells its errors. Nothing here needs a device: where there is no loader or
 * driver, the instance's creation fails and the caller finds no devices.
 */
#include "vulkan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char validation_layer[] = "VK_LAYER_KHRONOS_validation";

static VKAPI_ATTR VkBool32 VKAPI_CALL take_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                   VkDebugUtilsMessageTypeFlagsEXT types,
                                                   const VkDebugUtilsMessengerCallbackDataEXT *data, void *user)
{
    (void)types;
    mxd_vulkan_validation *validation = user;
    if (!(severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT))
        return VK_FALSE;
    pthread_mutex_lock(&validation->mutex);
    if (validation->num_errors++ == 0)
        snprintf(validation->first_error, sizeof validation->first_error, "%s",
                 data->pMessage ? data->pMessage : "no text");
    pthread_mutex_unlock(&validation->mutex);
    return VK_FALSE;
}

static bool has_extension(const char *layer, const char *name)
{
    uint32_t count = 0;
    if (vkEnumerateInstanceExtensionProperties(layer, &count, NULL) != VK_SUCCESS || count == 0)
        return false;
    VkExtensionProperties *properties = calloc(count, sizeof *properties);
    if (!properties)
        return false;
    bool found = false;
    if (vkEnumerateInstanceExtensionProperties(layer, &count, properties) >= 0)
        for (uint32_t i = 0; i < count && !found; i++)
            found = strcmp(properties[i].extensionName, name) == 0;
    free(properties);
    return found;
}

static VkResult create_messenger(mxd_vulkan_instance *instance, const VkDebugUtilsMessengerCreateInfoEXT *info)
{
    PFN_vkCreateDebugUtilsMessengerEXT create =
        (PFN_vkCreateDebugUtilsMessengerEXT)vkGetInstanceProcAddr(instance->instance, "vkCreateDebugUtilsMessengerEXT");
    if (!create)
        return VK_ERROR_EXTENSION_NOT_PRESENT;
    return create(instance->instance, info, NULL, &instance->validation.messenger);
}

VkResult mxd_vulkan_instance_init(mxd_vulkan_instance *instance)
{
    memset(instance, 0, sizeof *instance);
    if (pthread_mutex_init(&instance->validation.mutex, NULL) != 0)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    instance->validation.mutex_ready = true;

    uint32_t version = VK_API_VERSION_1_0;
    if (vkEnumerateInstanceVersion(&version) != VK_SUCCESS || version < VK_API_VERSION_1_2) {
        mxd_vulkan_instance_finish(instance);
        return VK_ERROR_INCOMPATIBLE_DRIVER;
    }

    const char *layers = getenv("VK_INSTANCE_LAYERS");
    const char *asked = getenv("MXD_VULKAN_VALIDATION");
    bool layer_by_loader = layers && strstr(layers, validation_layer);
    bool layer_by_us = !layer_by_loader && asked && strcmp(asked, "1") == 0;
    /* The extension comes with the layer where the loader itself does not have it. */
    bool messages = (layer_by_loader || layer_by_us) &&
                    (has_extension(NULL, VK_EXT_DEBUG_UTILS_EXTENSION_NAME) ||
                     has_extension(validation_layer, VK_EXT_DEBUG_UTILS_EXTENSION_NAME));

    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "mixdown",
        .pEngineName = "mixdown",
        .apiVersion = VK_API_VERSION_1_2,
    };
    const VkDebugUtilsMessengerCreateInfoEXT messenger = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = take_message,
        .pUserData = &instance->validation,
    };
    const char *const layer_names[] = {validation_layer};
    const char *const extension_names[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
        .enabledLayerCount = layer_by_us ? 1 : 0,
        .ppEnabledLayerNames = layer_names,
        .enabledExtensionCount = messages ? 1 : 0,
        .ppEnabledExtensionNames = extension_names,
    };
    VkResult result = vkCreateInstance(&info, NULL, &instance->instance);
    if (result == VK_SUCCESS && messages)
        result = create_messenger(instance, &messenger);
    if (result != VK_SUCCESS)
        mxd_vulkan_instance_finish(instance);
    return result;
}

void mxd_vulkan_instance_finish(mxd_vulkan_instance *instance)
{
    if (instance->validation.messenger) {
        PFN_vkDestroyDebugUtilsMessengerEXT destroy = (PFN_vkDestroyDebugUtilsMessengerEXT)vkGetInstanceProcAddr(
            instance->instance, "vkDestroyDebugUtilsMessengerEXT");
        if (destroy)
            destroy(instance->instance, instance->validation.messenger, NULL);
    }
    if (instance->instance)
        vkDestroyInstance(instance->instance, NULL);
    if (instance->validation.mutex_ready)
        pthread_mutex_destroy(&instance->validation.mutex);
    memset(instance, 0, sizeof *instance);
}

mxd_result mxd_vulkan_instance_check(mxd_vulkan_instance *instance, mxd_problems *problems)
{
    if (!instance->validation.messenger)
        return MXD_OK;
    mxd_vulkan_validation *validation = &instance->validation;
    char first_error[sizeof validation->first_error];
    pthread_mutex_lock(&validation->mutex); /* pipelines may be compiling on other threads */
    uint32_t num_errors = validation->num_errors;
    memcpy(first_error, validation->first_error, sizeof first_error);
    validation->num_errors = 0;
    pthread_mutex_unlock(&validation->mutex);
    if (num_errors == 0)
        return MXD_OK;
    return mxd_fail(problems, MXD_ERROR_DEVICE, NULL, "Vulkan validation (%u errors): %s", num_errors, first_error);
}
